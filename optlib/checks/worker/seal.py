"""Take from a process, for good, what no answer needs: to start others, to touch them, to use the network (Linux).

A seccomp filter is a small program that the kernel runs at each system call. It needs no rights and no sandbox, so it
holds in both back ends. A call that is refused fails with EPERM: Python raises PermissionError.
"""

import ctypes
import errno
import os
import struct
import sys

MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}  # audit's name of the machine, column in the tables
REFUSED = {  # numbers of system calls; None where the machine has none of this name
    "fork": (57, None),
    "vfork": (58, None),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_send_signal": (424, 424),
    "pidfd_getfd": (438, 438),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "socket": (41, 198),
    "memfd_create": (319, 279),  # the next three: memory that no limit counts
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "bpf": (321, 280),  # from here on: parts of the kernel in which holes are found
    "userfaultfd": (323, 282),
    "perf_event_open": (298, 241),
    "io_uring_setup": (425, 425),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "open_by_handle_at": (304, 265),
}
ON_ITSELF = {"kill": (62, 129), "tgkill": (234, 131), "prlimit64": (302, 261)}  # allowed with its own number, or 0
CLONE, CLONE3 = (56, 220), (435, 435)
THREAD = 0x10000  # the flag of clone that makes a thread rather than a process
OTHER_NUMBERS = 0x40000000  # a second set of system calls on x86_64 starts here

LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # instructions
NUMBER, MACHINE, ARGUMENT = 0, 4, 16  # where they lie in what the filter is given
ALLOW, FAIL = 0x7FFF0000, 0x00050000
SET_SECCOMP, FILTER, NO_NEW_PRIVILEGES = 22, 2, 38


def seal() -> bool:
    """Seal this process and all its threads to come; says whether this machine can."""
    machine = os.uname().machine if sys.platform == "linux" else ""
    if machine not in MACHINES:
        return False
    instructions = b"".join(program(*MACHINES[machine], os.getpid()))
    buffer = ctypes.create_string_buffer(instructions, len(instructions))
    described = struct.pack("HxxxxxxP", len(instructions) // 8, ctypes.addressof(buffer))
    prctl = ctypes.CDLL(None).prctl
    return prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0 and prctl(SET_SECCOMP, FILTER, described, 0, 0) == 0


def program(machine: int, column: int, pid: int) -> list[bytes]:
    """The filter; each block looks at one system call and skips itself if it is another."""
    refuse = instruction(RETURN, FAIL | errno.EPERM)
    allow = instruction(RETURN, ALLOW)
    lines = [instruction(LOAD, MACHINE), instruction(EQUAL, machine, 1, 0), refuse, instruction(LOAD, NUMBER)]
    lines += [instruction(AT_LEAST, OTHER_NUMBERS, 0, 1), refuse]
    for numbers in REFUSED.values():
        number = numbers[column]
        if number is not None:
            lines += [instruction(EQUAL, number, 0, 1), refuse]
    # glibc asks for clone3 first and uses clone where there is none, whose flags can be looked at
    lines += [instruction(EQUAL, CLONE3[column], 0, 1), instruction(RETURN, FAIL | errno.ENOSYS)]
    lines += [instruction(EQUAL, CLONE[column], 0, 4), instruction(LOAD, ARGUMENT)]
    lines += [instruction(ANY_BIT, THREAD, 0, 1), allow, refuse]
    for numbers in ON_ITSELF.values():
        lines += [instruction(EQUAL, numbers[column], 0, 5), instruction(LOAD, ARGUMENT)]
        lines += [instruction(EQUAL, pid, 1, 0), instruction(EQUAL, 0, 0, 1), allow, refuse]
    return [*lines, allow]


def instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)
