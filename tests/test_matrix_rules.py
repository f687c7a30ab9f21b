"""Rules that see more than one coordinate at a time: layers, matrices, curvature."""

import dataclasses
import io
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optlib import (
    LAMB,
    LARS,
    LBFGS,
    SOAP,
    Adafactor,
    Adam,
    AdamW,
    Clip,
    Groups,
    Muon,
    Newton,
    Shampoo,
    minimize,
    problems,
    sweep,
)
from optlib.optimizers import layerwise, matrices
from optlib.optimizers.matrices import eigh, inverse_root, orthogonalize

LAYER_RULES = [LARS(), LARS(weight_decay=0.1), LAMB(), LAMB(weight_decay=0.1), Adafactor(), Adafactor(weight_decay=0.1)]
MATRIX_RULES = [Muon(), Muon(nesterov=False, weight_decay=0.1, scale="moonshot"), Shampoo(), SOAP(), SOAP(every=3)]
CURVATURE_RULES = [LBFGS(lr=0.3), LBFGS(lr=0.3, history=3), Newton(lr=0.3), Newton(lr=0.3, damping=0.5, iterations=4)]
RULES = [*LAYER_RULES, *MATRIX_RULES, *CURVATURE_RULES]

every_rule = pytest.mark.parametrize("opt", RULES, ids=repr)
every_matrix_rule = pytest.mark.parametrize("opt", MATRIX_RULES, ids=repr)

SQUARE_ONES = {"a.W": (4, 4), "b.W": (3, 3)}
LAYOUTS = {
    "layers": {"W": (3, 4), "kernel": (2, 3, 1, 2), "b": (4,)},
    "matrices": {"W": (3, 4), "kernel": (2, 3, 1, 2), "tall": (3, 1)},
}


def layout_for(opt):
    # the null space of a matrix that is not square has no eigenbasis of its own: last bits would decide
    if isinstance(opt, SOAP):
        return SQUARE_ONES
    return LAYOUTS["matrices" if isinstance(opt, matrices.MatrixRule) else "layers"]


def size(layout):
    return sum(int(np.prod(shape)) for shape in layout.values())


def slope(theta):
    """The gradient of a smooth bowl that is no quadratic, alike for one run and many."""
    return np.linspace(0.5, 2, theta.shape[-1]) * theta + 0.3 * np.sin(2 * theta)


def walk(opt, theta, layout, steps=12, state=None, noise=None, grad=slope):
    theta = theta.copy()
    state = opt.init(theta, layout) if state is None else state
    for t in range(steps):
        g = grad(theta) + (0 if noise is None else noise[t].astype(theta.dtype))
        opt.step(theta, g, state, grad=grad)
    return theta, state


def numbers(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


# What every optimizer promises, on layouts of several parameters


@every_rule
def test_many_runs_equal_a_loop_of_single_runs(opt):
    layout = layout_for(opt)
    start, noise = numbers((3, size(layout))), 0.3 * numbers((12, 3, size(layout)), 1)
    together, _ = walk(opt, start, layout, noise=noise)
    for i in range(3):
        alone, _ = walk(opt, start[i], layout, noise=noise[:, i])
        np.testing.assert_allclose(together[i], alone, rtol=0, atol=1e-12)


def fields_of(opts):
    return [(opt, f.name) for opt in opts for f in dataclasses.fields(opt) if type(getattr(opt, f.name)) is float]


@pytest.mark.parametrize(("opt", "name"), fields_of(RULES), ids=str)
def test_an_array_hyperparameter_equals_a_loop_of_scalars(opt, name):
    layout, value = layout_for(opt), getattr(opt, name)
    values = np.array([0.5 * value, value, 0.5 * (1 + value) if 0.5 <= value < 1 else 1.5 * value])
    start, noise = numbers(size(layout)), 0.3 * numbers((12, size(layout)), 1)
    together, _ = walk(
        dataclasses.replace(opt, **{name: values}), np.tile(start, (3, 1)), layout, noise=np.stack([noise] * 3, 1)
    )
    for i, one in enumerate(values):
        alone, _ = walk(dataclasses.replace(opt, **{name: float(one)}), start, layout, noise=noise)
        np.testing.assert_allclose(together[i], alone, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("opt", "name"), fields_of(RULES), ids=str)
def test_one_percent_of_any_hyperparameter_changes_the_trajectory(opt, name):
    # some defaults are too extreme to be seen beside gradients of size one
    visible = {"eps": 0.1, "eps1": 0.5, "eps2": 2.0, "d": 0.5}.get(name, getattr(opt, name))
    opt = dataclasses.replace(opt, **{name: visible})
    changed = dataclasses.replace(opt, **{name: visible * 0.99 if visible else 0.01})
    layout = layout_for(opt)
    start, noise = numbers(size(layout)), 0.3 * numbers((12, size(layout)), 1)
    difference = walk(opt, start, layout, noise=noise)[0] - walk(changed, start, layout, noise=noise)[0]
    assert np.abs(difference).max() > 1e-7


@pytest.mark.parametrize(
    ("opt", "change"),
    [
        (Muon(), {"nesterov": False}),
        (Muon(), {"ns_steps": 4}),
        (Muon(), {"scale": "moonshot"}),
        (SOAP(), {"every": 4}),
        (LBFGS(), {"history": 2}),
        (Newton(lr=0.3), {"iterations": 2}),
    ],
    ids=str,
)
def test_every_flag_and_count_changes_the_trajectory(opt, change):
    layout = layout_for(opt)
    start = numbers(size(layout))
    difference = walk(opt, start, layout)[0] - walk(dataclasses.replace(opt, **change), start, layout)[0]
    assert np.abs(difference).max() > 1e-7


@every_rule
@pytest.mark.parametrize("shape", [(), (2,)], ids=["one run", "two runs"])
def test_a_saved_and_resumed_run_is_bitwise_the_same(opt, shape):
    layout = layout_for(opt)
    start = numbers((*shape, size(layout)))
    straight, _ = walk(opt, start, layout, steps=24)
    half, state = walk(opt, start, layout, steps=12)
    file = io.BytesIO()
    np.savez(file, **state)
    file.seek(0)
    resumed, _ = walk(opt, half, layout, steps=12, state=dict(np.load(file)))
    assert resumed.tobytes() == straight.tobytes()


@every_rule
def test_float32_stays_float32_and_near_float64(opt):
    layout = layout_for(opt)
    start = numbers(size(layout))
    exact, _ = walk(opt, start, layout)
    rough, state = walk(opt, start.astype(np.float32), layout)
    assert rough.dtype == np.float32
    assert all(state[name].dtype == np.float32 for name in opt.slots)
    np.testing.assert_allclose(rough, exact, rtol=0, atol=1e-2)


WITHOUT_MOMENTUM = [Adafactor(), Shampoo(), Shampoo(eps=0.0), *CURVATURE_RULES]


@pytest.mark.parametrize(("opt", "before"), [*[(opt, 0) for opt in RULES], *[(opt, 5) for opt in WITHOUT_MOMENTUM]])
def test_a_zero_gradient_without_decay_moves_nothing_at_first_and_never_without_momentum(opt, before):
    if "weight_decay" in opt.__dataclass_fields__:
        opt = dataclasses.replace(opt, weight_decay=0.0)
    layout = layout_for(opt)
    start, state = walk(opt, numbers(size(layout)), layout, steps=before)
    theta, _ = walk(opt, start, layout, steps=3, state=state, grad=np.zeros_like)
    np.testing.assert_array_equal(theta, start)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Muon(ns_steps=0), "Muon: ns_steps must be a whole number >= 1, got 0"),
        (lambda: Muon(scale="keras"), r"Muon: scale must be one of \('jordan', 'moonshot'\), got 'keras'"),
        (lambda: SOAP(every=2.5), "SOAP: every must be a whole number >= 1, got 2.5"),
        (lambda: LBFGS(history=0), "LBFGS: history must be a whole number >= 1, got 0"),
        (lambda: Newton(iterations=0), "Newton: iterations must be a whole number >= 1, got 0"),
        (lambda: Newton(damping=-1), r"Newton: damping must lie in \[0, inf\), got -1"),
        (lambda: LARS(trust=-1), r"LARS: trust must lie in \[0, inf\), got -1"),
        (lambda: Adafactor(d=0), r"Adafactor: d must lie in \(0, inf\), got 0"),
        (lambda: Adafactor(beta2_decay=0.8), r"Adafactor: beta2_decay must lie in \(-inf, 0\], got 0.8"),
    ],
)
def test_bad_hyperparameters_are_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# Layers


@given(seed=st.integers(0, 10_000), scale=st.floats(1e-3, 1e3))
@settings(max_examples=20, deadline=None)
def test_lars_does_not_see_the_length_of_a_layers_gradient(seed, scale):
    layout, start, g = {"W": (2, 3), "b": (3,)}, numbers(9, seed), numbers((5, 9), seed + 1)
    scales = np.repeat([scale, 1.0], [6, 3])
    one, other = (walk(LARS(), start, layout, 5, noise=x, grad=np.zeros_like)[0] for x in (g, scales * g))
    np.testing.assert_allclose(one, other, rtol=1e-10)


def test_one_step_of_lars_moves_each_layer_by_the_same_fraction_of_its_length():
    layout, start = {"W": (2, 3), "b": (3,)}, numbers(9) * np.repeat([1.0, 100.0], [6, 3])
    moved = walk(LARS(lr=2.0, trust=0.01), start, layout, 1)[0] - start
    for part in (slice(0, 6), slice(6, 9)):
        np.testing.assert_allclose(np.linalg.norm(moved[part]), 0.02 * np.linalg.norm(start[part]))


def test_every_step_of_lamb_moves_a_layer_by_lr_times_its_length():
    layout, theta = {"W": (2, 3), "b": (3,)}, numbers(9)
    state = LAMB(lr=0.1).init(theta, layout)
    for _ in range(5):
        before = theta.copy()
        LAMB(lr=0.1).step(theta, slope(theta), state)
        for part in (slice(0, 6), slice(6, 9)):
            np.testing.assert_allclose(np.linalg.norm((theta - before)[part]), 0.1 * np.linalg.norm(before[part]))


def test_a_layer_of_zeros_can_leave_under_lars_and_lamb():
    for opt in (LARS(lr=0.1), LAMB(lr=0.1)):
        theta, _ = walk(opt, np.zeros(6), {"W": (2, 3)}, 1, grad=np.ones_like)
        np.testing.assert_allclose(theta, -0.1, rtol=1e-4)


@given(seed=st.integers(0, 10_000), decay=st.floats(0, 0.5))
@settings(max_examples=20, deadline=None)
def test_lamb_with_ratio_one_is_adamw(seed, decay):
    start, g = numbers(9, seed), numbers((8, 9), seed + 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layerwise, "trust_ratio", lambda theta, u, axes: 1.0)
        lamb, _ = walk(LAMB(lr=0.01, weight_decay=decay), start, {"W": (9,)}, 8, noise=g)
    adamw, _ = walk(AdamW(lr=0.01, eps=1e-6, weight_decay=decay), start, None, 8, noise=g)
    np.testing.assert_allclose(lamb, adamw, rtol=0, atol=1e-13)


def test_adafactor_remembers_rows_and_columns_of_a_matrix_and_all_of_a_vector():
    state = Adafactor().init(np.zeros(300 * 200 + 7), {"W": (300, 200), "b": (7,)})
    assert sum(state[name].size for name in Adafactor.slots) == 300 + 200 + 7
    kernels = Adafactor().init(np.zeros(5 * 4 * 3 * 3), {"kernel": (5, 4, 3, 3)})
    assert sum(kernels[name].size for name in Adafactor.slots) == 5 * 4 * (3 + 3)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_adafactor_loses_nothing_where_squares_have_rank_one(seed):
    rows, columns, signs = np.exp(numbers(3, seed)), np.exp(numbers(4, seed + 1)), np.sign(numbers((3, 4), seed + 2))
    g = (signs * np.outer(rows, columns)).ravel()
    noise = np.linspace(1, 2, 6)[:, None] * g
    factored, full = (
        walk(Adafactor(), numbers(12, seed), layout, 6, noise=noise, grad=np.zeros_like)[0]
        for layout in ({"W": (3, 4)}, {"w": (12,)})
    )
    np.testing.assert_allclose(factored, full, rtol=0, atol=1e-13)


# Orthogonalization


@given(seed=st.integers(0, 10_000), rows=st.integers(1, 8), columns=st.integers(1, 8), steps=st.integers(5, 12))
@settings(max_examples=50, deadline=None)
def test_newton_schulz_keeps_singular_values_in_a_band_and_does_not_converge(seed, rows, columns, steps):
    rank = min(rows, columns)
    u, v = (np.linalg.qr(numbers((n, n), seed + n)).Q[:, :rank] for n in (rows, columns))
    sizes = np.random.default_rng(seed).uniform(0.05, 1, rank)
    found = np.linalg.svd(orthogonalize(u * sizes @ v.T, steps), compute_uv=False)
    assert found.min() > 0.68 and found.max() < 1.135


def test_newton_schulz_cycles_with_jordans_coefficients_and_converges_with_the_classic_ones():
    g = numbers((5, 7))
    u, _, vt = np.linalg.svd(g, full_matrices=False)
    assert np.abs(orthogonalize(g, 60) - orthogonalize(g, 61)).max() > 0.01
    np.testing.assert_allclose(orthogonalize(g, 60, (15 / 8, -10 / 8, 3 / 8)), u @ vt, atol=1e-12)


@given(seed=st.integers(0, 10_000), scale=st.floats(1e-3, 1e3))
@settings(max_examples=20, deadline=None)
def test_orthogonalize_sees_neither_scale_nor_which_way_the_matrix_lies(seed, scale):
    g = numbers((3, 5), seed)
    np.testing.assert_allclose(orthogonalize(scale * g), orthogonalize(g), atol=1e-10)
    np.testing.assert_allclose(orthogonalize(g.T), orthogonalize(g).T, atol=1e-12)
    np.testing.assert_allclose(orthogonalize(-g), -orthogonalize(g), atol=1e-12)


def test_orthogonalize_works_on_stacks_and_leaves_zeros_alone():
    g = numbers((2, 3, 4, 6))
    np.testing.assert_allclose(orthogonalize(g)[1, 2], orthogonalize(g[1, 2]), atol=1e-14)
    np.testing.assert_array_equal(orthogonalize(np.zeros((2, 3))), np.zeros((2, 3)))


def test_muons_steps_have_the_size_that_its_scale_promises():
    # Jordan: singular values near sqrt(out / in), so that outputs move alike; Moonshot: root mean square near 0.2
    for shape in ((4, 16), (16, 4), (8, 8)):
        step = walk(Muon(lr=1.0), np.zeros(shape[0] * shape[1]), {"W": shape}, 1, grad=lambda at: numbers(at.shape))[0]
        largest = np.linalg.norm(step.reshape(shape), 2)
        assert 0.68 < largest / max(1, shape[1] / shape[0]) ** 0.5 < 1.135
        step = walk(
            Muon(lr=1.0, scale="moonshot"), np.zeros(step.size), {"W": shape}, 1, grad=lambda at: numbers(at.shape)
        )[0]
        assert 0.2 * 0.68 < np.sqrt(np.mean(step**2)) < 0.2 * 1.135


# Matrices


def rotation(n, seed):
    return np.linalg.qr(numbers((n, n), seed)).Q


@pytest.mark.parametrize("opt", [Muon(weight_decay=0.1), Shampoo(lr=0.1), SOAP(), SOAP(every=2)], ids=repr)
@given(seed=st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_rules_for_matrices_turn_with_rows_and_columns(opt, seed):
    n = 4
    left, right = rotation(n, seed), rotation(n, seed + 1)
    start, gs = numbers((n, n), seed + 2), numbers((12, n, n), seed + 3)

    def path(start, gs):
        noise = gs.reshape(12, -1)
        return walk(opt, start.ravel(), {"W": (n, n)}, noise=noise, grad=np.zeros_like)[0].reshape(n, n)

    turned = path(left @ start @ right.T, left @ gs @ right.T)
    np.testing.assert_allclose(turned, left @ path(start, gs) @ right.T, rtol=0, atol=1e-6)


def test_adam_does_not_turn_with_rows_and_columns():
    left, start, gs = rotation(4, 0), numbers((4, 4)), numbers((12, 4, 4), 1)
    plain, _ = walk(Adam(lr=0.1), start.ravel(), None, noise=gs.reshape(12, -1), grad=np.zeros_like)
    turned, _ = walk(Adam(lr=0.1), (left @ start).ravel(), None, noise=(left @ gs).reshape(12, -1), grad=np.zeros_like)
    assert np.abs(turned.reshape(4, 4) - left @ plain.reshape(4, 4)).max() > 0.1


def test_the_first_step_of_shampoo_is_the_orthogonal_factor_of_the_gradient():
    g = numbers((4, 6))
    u, _, vt = np.linalg.svd(g, full_matrices=False)
    theta, _ = walk(Shampoo(lr=1.0, eps=1e-12), np.zeros(24), {"W": (4, 6)}, 1, grad=lambda at: g.ravel())
    np.testing.assert_allclose(-theta.reshape(4, 6), u @ vt, atol=1e-8)


def test_shampoo_on_one_coordinate_is_adagrad():
    gs = numbers((10, 1))
    theta, _ = walk(Shampoo(lr=0.1, eps=0.0), np.zeros(1), {"W": (1, 1)}, 10, noise=gs, grad=np.zeros_like)
    np.testing.assert_allclose(theta, -0.1 * np.sum(gs / np.sqrt(np.cumsum(gs**2, 0)), 0))


def test_soap_is_adam_where_the_eigenbasis_is_the_basis_and_its_first_gradient_only_looks():
    gs = np.zeros((9, 3, 3))
    gs[:, range(3), range(3)] = np.array([5.0, 3.0, 1.0]) * np.random.default_rng(0).uniform(0.9, 1.1, (9, 3))
    gs = gs.reshape(9, 9)
    soap = SOAP(lr=0.1, beta1=0.9, beta2=0.99, eps=1e-30, weight_decay=0.0, every=2)
    theta, _ = walk(soap, np.zeros(9), {"W": (3, 3)}, 9, noise=gs, grad=np.zeros_like)
    adam = Adam(lr=0.1, beta1=0.9, beta2=0.99, eps=1e-30)
    np.testing.assert_allclose(theta, walk(adam, np.zeros(9), None, 8, noise=gs[1:], grad=np.zeros_like)[0], atol=1e-12)


@pytest.mark.parametrize("opt", [Muon(), Shampoo()], ids=repr)
def test_a_convolution_is_the_matrix_that_its_patches_are_multiplied_with(opt):
    kernels, gs = numbers((5, 2, 3, 3)), numbers((6, 5, 2, 3, 3), 1)  # out, in, height, width
    as_kernels, _ = walk(opt, kernels.ravel(), {"k": (5, 2, 3, 3)}, 6, noise=gs.reshape(6, -1), grad=np.zeros_like)
    matrix, matrix_gs = kernels.reshape(5, 18).T, gs.reshape(6, 5, 18).swapaxes(1, 2)  # (in, out)
    as_matrix, _ = walk(opt, matrix.ravel(), {"W": (18, 5)}, 6, noise=matrix_gs.reshape(6, -1), grad=np.zeros_like)
    np.testing.assert_allclose(as_kernels.reshape(5, 18), as_matrix.reshape(18, 5).T, rtol=0, atol=1e-12)


@every_matrix_rule
def test_what_is_no_matrix_is_refused_by_name_with_the_way_out(opt):
    who = type(opt).__name__
    with pytest.raises(ValueError, match=rf"{who}: the parameter 'b' has shape \(3,\), .*Groups\({{'b': AdamW\(\)"):
        opt.init(np.zeros(9), {"W": (2, 3), "b": (3,)})
    with pytest.raises(ValueError, match=rf"{who}: needs the layout, init\(theta, problem.layout\)"):
        opt.init(np.zeros(9))


def test_one_matrix_that_is_not_finite_does_not_spoil_the_stack():
    stack = np.stack([np.eye(3), np.full((3, 3), np.nan), np.diag([16.0, 1.0, 81.0]), np.full((3, 3), np.inf)])
    values, vectors = eigh(stack)
    np.testing.assert_allclose(values[2], [1, 16, 81])
    assert np.isnan(values[[1, 3]]).all() and np.isnan(vectors[[1, 3]]).all()
    np.testing.assert_allclose(inverse_root(stack, 4)[2], np.diag([1 / 2, 1, 1 / 3]), atol=1e-12)


def test_the_inverse_root_survives_float32_noise_and_zero():
    g = numbers((2, 6)).astype(np.float32) * 1e3
    root = inverse_root(g.T @ g, 4)
    assert root.dtype == np.float32 and np.isfinite(root).all()
    sizes, found = (np.linalg.svd(x, compute_uv=False) for x in (g, g @ root))
    np.testing.assert_allclose(found, np.sqrt(sizes), rtol=1e-3)
    assert np.isfinite(inverse_root(np.zeros((3, 3)), 4)).all()


@pytest.mark.parametrize("make", [Muon, Shampoo, SOAP], ids=lambda cls: cls.__name__)
def test_a_run_that_diverges_does_not_disturb_its_neighbours(make):
    problem = problems.MLP(hidden=(4,), dtype=np.float64)

    def opt(lr):
        return Groups({"*.W": make(lr=lr), "*": AdamW(lr=1e-3)})

    both = minimize(problem, opt(np.array([0.01, 1e30])), 30)
    alone = minimize(problem, opt(0.01), 30)
    assert both.diverged.tolist() == [False, True]
    np.testing.assert_allclose(both.loss[:, 0], alone.loss, rtol=1e-9)
    assert alone.loss[-1] < alone.loss[0]


def test_rules_for_matrices_can_be_swept_inside_groups_and_wrappers():
    found = sweep(
        problems.MLP(hidden=(8,)),
        lambda lr: Clip(Groups({"*.W": Muon(lr=lr), "*": AdamW(lr=1e-3)}), max_norm=1.0),
        {"lr": np.array([1e-3, 1e-2])},
        seeds=2,
        steps=30,
    )
    assert found.final["loss"].shape == (2, 2)
    assert (found.loss[-1] < found.loss[0]).all()


# Curvature


def bowl(hessian, minimum):
    """The gradient of a quadratic, for one run and many."""
    return lambda theta: (theta - minimum) @ hessian


def curved(n, condition, seed=0):
    q = rotation(n, seed)
    return q * np.geomspace(1, condition, n) @ q.T


def dense_bfgs(pairs, g):
    """H g with the BFGS formula on whole matrices, from the scaled identity."""
    s, y = pairs[-1]
    h = s @ y / (y @ y) * np.eye(len(g))
    for s, y in pairs:
        left = np.eye(len(g)) - np.outer(s, y) / (s @ y)
        h = left @ h @ left.T + np.outer(s, s) / (s @ y)
    return h @ g


def test_the_two_loops_of_lbfgs_are_the_bfgs_formula_on_the_pairs_remembered():
    opt, theta, grad = LBFGS(lr=0.7, history=3), numbers(6), bowl(curved(6, 50), 1.0)
    state, pairs, before = opt.init(theta), [], None
    for t in range(8):
        g = grad(theta)
        if before is not None:
            pairs = [*pairs, (theta - before[0], g - before[1])][-3:]
        before = theta.copy(), g
        opt.step(theta, g, state)
        expected = dense_bfgs(pairs, g) if t else g / np.abs(g).sum()
        np.testing.assert_allclose(theta, before[0] - 0.7 * expected, rtol=1e-10, atol=1e-12)


def test_lbfgs_solves_a_quadratic_in_far_fewer_steps_than_its_condition():
    theta, _ = walk(LBFGS(), numbers(8), None, 60, grad=bowl(curved(8, 1e4), 1.0))
    np.testing.assert_allclose(theta, 1, atol=1e-4)


def test_lbfgs_keeps_no_pair_of_negative_curvature_run_by_run():
    curvature = np.array([[1.0, 2.0], [-1.0, -2.0]])
    theta, opt = np.ones((2, 2)), LBFGS(lr=0.1)
    state = opt.init(theta)
    for _ in range(3):
        opt.step(theta, curvature * theta, state)
    kept = np.any(state["s"].reshape(2, opt.history, 2) != 0, axis=-1).sum(-1)
    assert kept.tolist() == [2, 0]
    assert (np.abs(theta[1]) > 1).all() and (np.abs(theta[0]) < 1).all()  # downhill in both


def test_lbfgs_state_is_flat_whatever_the_layout():
    state = LBFGS(history=4).init(np.zeros((3, 9)), {"W": (2, 3), "b": (3,)})
    assert state["s"].shape == state["y"].shape == (3, 4 * 9)


@given(seed=st.integers(0, 10_000), condition=st.floats(1, 1e4), n=st.integers(1, 6))
@settings(max_examples=30, deadline=None)
def test_one_step_of_newton_solves_a_quadratic(seed, condition, n):
    theta, _ = walk(Newton(), numbers(n, seed), None, 1, grad=bowl(curved(n, condition, seed), 1.0))
    np.testing.assert_allclose(theta, 1, atol=1e-6)


def test_newton_solves_for_each_run_its_own_damped_equation():
    hessian, start, damping = curved(5, 100), numbers((3, 5)), np.array([0.0, 1.0, 10.0])
    theta, _ = walk(Newton(damping=damping), start, None, 1, grad=bowl(hessian, 1.0))
    for i in range(3):
        step = np.linalg.solve(hessian + damping[i] * np.eye(5), hessian @ (start[i] - 1))
        np.testing.assert_allclose(theta[i], start[i] - step, atol=1e-6)


def test_newton_doubles_the_digits_near_the_minimum_of_rosenbrock():
    run = minimize(problems.Rosenbrock(), Newton(), 8)
    errors = np.linalg.norm(run.theta - 1, axis=-1)
    near = errors[(errors < 0.1) & (errors > 1e-6)]
    assert errors[-1] < 1e-10
    assert all(later < 10 * sooner**2 for sooner, later in pairwise(near))


def test_newton_leads_downhill_from_a_saddle():
    grad = bowl(np.diag([1.0, -1.0]), 0.0)
    theta, _ = walk(Newton(lr=0.5), np.array([[1.0, 0.1], [0.1, 1.0]]), None, 3, grad=grad)
    assert (np.abs(theta[:, 1]) > [0.1, 1.0]).all()


def test_newton_counts_two_gradients_a_product_and_stops_when_the_answer_is_exact():
    problem = problems.Quadratic(condition=10.0)
    run = minimize(problem, Newton(iterations=20), 1)
    assert run.gradient_evaluations <= 1 + 2 * 3
    run = minimize(problem, Newton(iterations=1), 1)
    assert run.gradient_evaluations == 1 + 2


def test_newton_takes_its_differences_in_float64():
    grad = bowl(curved(5, 100), 1.0)
    theta, _ = walk(Newton(), numbers(5).astype(np.float32), None, 1, grad=lambda at: grad(at).astype(at.dtype))
    np.testing.assert_allclose(theta, 1, atol=1e-5)


def test_newton_works_on_a_network_in_float32():
    run = minimize(problems.MLP(hidden=(8,)), Newton(lr=0.5, damping=0.1, iterations=5), 10)
    assert run.loss[-1] < 0.8 * run.loss[0] and not run.diverged
