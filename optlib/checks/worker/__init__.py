"""The folder that runs what learners wrote, and all of optlib's checks that a sandbox needs to see."""
