"""The labelled equations of lesson 03, each by a route of its own: runs of the library's rules, eigenvalues of matrices
read off from their steps, numerical search, conjugate gradients, the closed solution of the oscillator."""

import itertools

import numpy as np
import pytest

from optlib import SGD, Momentum, Nesterov, minimize, problems
from optlib.evidence import formula

RNG = np.random.default_rng(3)
PAIRS = [(0.01, 0.5), (0.01, 0.81), (0.3, 0.9), (1.7, 0.05), (2.5, 0.6), (3.5, 0.9)]  # lr * curvature, momentum


def heavy_ball(gradients, lr, beta, theta=0.0, v=0.0):
    """Positions and velocities for gradients that are given beforehand."""
    path = [(theta, v)]
    for g in gradients:
        v = beta * v + g
        theta = theta - lr * v
        path.append((theta, v))
    return np.array(path)


def step_matrix(opt, curvature=1.0):
    """The matrix that maps (theta, v) to its successor in a bowl of one curvature, read off from steps of the library.

    An optimizer of many runs gives one matrix a run; so do many curvatures.
    """
    runs = np.broadcast_shapes((opt.runs or 1, 1), np.shape(np.reshape(curvature, (-1, 1))))
    columns = []
    for theta, v in ((1.0, 0.0), (0.0, 1.0)):
        point, state = np.full(runs, theta), {"t": 1, "v": np.full(runs, v)}
        opt.step(point, np.reshape(curvature, (-1, 1)) * point, state)
        columns.append(np.concatenate([point, state["v"]], axis=1))
    return np.squeeze(np.stack(columns, axis=2))


def radius(matrices):
    """The larger eigenvalue in size, of each matrix."""
    return np.abs(np.linalg.eigvals(matrices)).max(axis=-1)


def radius_of_pair(lr, beta, curvatures):
    """The slowest direction of the heavy ball."""
    return radius(step_matrix(Momentum(lr=lr, momentum=beta), curvatures)).max()


# ---- the ball


@formula("heavy-ball", r"\theta_{t+1} = \theta_t - \eta\,\nabla f(\theta_t) + \beta\,(\theta_t - \theta_{t-1})")
def test_the_library_repeats_a_share_of_its_last_step():
    problem = problems.Rosenbrock()
    path = minimize(problem, Momentum(lr=0.001, momentum=0.9), steps=50).theta
    slope = problem.loss_and_grad(path[1:-1])[1]
    np.testing.assert_allclose(path[2:], path[1:-1] - 0.001 * slope + 0.9 * (path[1:-1] - path[:-2]), rtol=1e-13)


@formula("oscillator-discretised", r"\eta = \frac{h^2}{m}, \qquad \beta = 1 - \frac{c\,h}{m}")
def test_small_time_steps_approach_the_damped_oscillator_of_physics():
    mass, friction, stiffness, time = 2.0, 0.6, 3.0, 4.0
    decay = friction / (2 * mass)
    frequency = np.sqrt(stiffness / mass - decay**2)
    exact = np.exp(-decay * time) * (np.cos(frequency * time) + decay / frequency * np.sin(frequency * time))
    errors = []
    for h in (0.01, 0.005, 0.0025):
        opt = Momentum(lr=h**2 / mass, momentum=1 - friction * h / mass)
        run = minimize(problems.Quadratic(size=1, largest=stiffness), opt, steps=round(time / h))
        errors.append(abs(run.final[0] - exact))
    assert errors[-1] < 0.005
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.05)  # an error of first order in h
    assert errors[1] / errors[2] == pytest.approx(2, rel=0.05)


@formula("velocity-sum", r"v_{t+1} = \sum_{s=0}^{t} \beta^{\,t-s}\, g_s")
def test_the_velocity_is_a_fading_sum_of_the_gradients():
    gradients = RNG.normal(size=(20, 3))
    opt, theta = Momentum(lr=0.1, momentum=0.8), np.zeros(3)
    state = opt.init(theta)
    for g in gradients:
        opt.step(theta, g, state)
    powers = np.polynomial.polynomial.polyval(0.8, gradients[::-1])  # the newest gradient is the constant term
    np.testing.assert_allclose(state["v"], powers, rtol=1e-12)


@formula(
    "steady-and-alternating",
    r"g, g, g, \dots:\; |v_t| \to \frac{|g|}{1-\beta}, \qquad\qquad g, -g, g, \dots:\; |v_t| \to \frac{|g|}{1+\beta}",
)
@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9])
def test_what_agrees_grows_and_what_alternates_shrinks(beta):
    steady = heavy_ball(np.full(500, -3.0), lr=0.1, beta=beta)
    alternating = heavy_ball(3.0 * (-1.0) ** np.arange(500), lr=0.1, beta=beta)
    assert abs(steady[-1, 1]) == pytest.approx(3 / (1 - beta))
    assert abs(alternating[-1, 1]) == pytest.approx(3 / (1 + beta))


# ---- the matrix


@formula(
    "momentum-matrix",
    r"\begin{pmatrix} \theta_{t+1} \\ \theta_t \end{pmatrix} ="
    r" \begin{pmatrix} 1 + \beta - \eta\lambda & -\beta \\ 1 & 0 \end{pmatrix}"
    r" \begin{pmatrix} \theta_t \\ \theta_{t-1} \end{pmatrix}",
)
@pytest.mark.parametrize(("product", "beta"), PAIRS)
def test_powers_of_the_matrix_are_the_run(product, beta):
    curvature = 1.7
    opt = Momentum(lr=product / curvature, momentum=beta)
    path = minimize(problems.Quadratic(size=1, largest=curvature), opt, steps=30).theta[:, 0]
    matrix = np.array([[1 + beta - product, -beta], [1, 0]])
    told = [np.linalg.matrix_power(matrix, t) @ path[1::-1] for t in range(30)]
    np.testing.assert_allclose(told, np.stack([path[1:], path[:-1]], axis=1), rtol=1e-9, atol=1e-12)


@formula("momentum-characteristic", r"r^2 - (1 + \beta - \eta\lambda)\,r + \beta = 0")
@pytest.mark.parametrize(("product", "beta"), PAIRS)
def test_the_eigenvalues_of_a_step_solve_the_equation(product, beta):
    curvature = 0.4
    found = np.linalg.eigvals(step_matrix(Momentum(lr=product / curvature, momentum=beta), curvature))
    # at a double root the eigenvalues are only known to the root of the rounding error, the equation is not
    np.testing.assert_allclose(found**2 - (1 + beta - product) * found + beta, 0, atol=1e-14)


@formula(
    "complex-band",
    r"r_{1,2} \text{ complex} \iff \bigl(1-\sqrt\beta\bigr)^2 < \eta\lambda < \bigl(1+\sqrt\beta\bigr)^2",
)
@pytest.mark.parametrize("beta", [0.05, 0.5, 0.9, 0.99])
def test_the_eigenvalues_are_complex_exactly_inside_the_band(beta):
    low, high = (1 - beta**0.5) ** 2, (1 + beta**0.5) ** 2
    for product, inside in [(0.99 * low, 0), (1.01 * low, 1), (1.0, 1), (0.99 * high, 1), (1.01 * high, 0)]:
        found = np.linalg.eigvals(step_matrix(Momentum(lr=product, momentum=beta)))
        assert np.iscomplex(found).all() == bool(inside)


@formula("root-beta", r"|r_1| = |r_2| = \sqrt\beta")
def test_in_the_ripples_every_curvature_shrinks_alike():
    beta, low, high = 0.8, (1 - 0.8**0.5) ** 2, (1 + 0.8**0.5) ** 2
    problem = problems.Quadratic(condition=0.98 * high / (1.02 * low), size=7, largest=0.98 * high)
    path = minimize(problem, Momentum(lr=1.0, momentum=beta), steps=900).theta
    early, late = (np.abs(path[start : start + 300]).max(axis=0) for start in (200, 600))
    np.testing.assert_allclose((late / early) ** (1 / 400), beta**0.5, rtol=1e-3)


@formula("momentum-threshold", r"|r_1|, |r_2| < 1 \iff 0 < \eta\lambda < 2\,(1+\beta)")
@pytest.mark.parametrize("beta", [0.0, 0.3, 0.9, 0.99])
def test_the_ball_comes_home_exactly_below_the_cliff(beta):
    cliff = 2 * (1 + beta)
    lrs = cliff * np.array([0.01, 0.5, 0.99, 1.01, 1.5])
    run = minimize(problems.Quadratic(size=1), Momentum(lr=lrs, momentum=beta), steps=4000, diverged_above=1e6)
    np.testing.assert_array_equal(run.diverged, [False, False, False, True, True])
    assert (np.abs(run.final[:3]) < 1e-3).all()


@formula(
    "critical-damping",
    r"\beta^\star = \bigl(1-\sqrt{\eta\lambda}\bigr)^2, \qquad |r| = \bigl|1-\sqrt{\eta\lambda}\bigr|",
)
@pytest.mark.parametrize("product", [0.01, 0.25, 0.81, 2.25])
def test_no_other_momentum_shrinks_the_error_faster(product):
    betas = np.linspace(0, 0.999, 2000)
    radii = radius(step_matrix(Momentum(lr=product, momentum=betas)))
    best = int(np.argmin(radii))
    assert betas[best] == pytest.approx((1 - product**0.5) ** 2, abs=1e-3)
    assert radii[best] == pytest.approx(abs(1 - product**0.5), abs=0.02)
    exact = radius(step_matrix(Momentum(lr=product, momentum=(1 - product**0.5) ** 2)))
    assert exact == pytest.approx(abs(1 - product**0.5), abs=1e-6)
    assert exact <= radii[best] + 1e-6


# ---- many curvatures


def descend(function, point, step):
    """The lowest point that a shrinking pattern search finds."""
    best = function(*point)
    while step > 1e-7:
        trials = [np.add(point, step * np.array(d)) for d in itertools.product((-1, 0, 1), repeat=2)]
        values = [function(*trial) for trial in trials]
        if min(values) < best:
            best, point = min(values), trials[int(np.argmin(values))]
        else:
            step /= 2
    return point, best


def found_pair(mu, L):
    """The best learning rate and momentum for the curvatures from mu to L, by search."""
    curvatures = np.linspace(mu, L, 9)

    def slowest(lr, beta):
        return radius_of_pair(lr, beta, curvatures) if lr > 0 and 0 <= beta < 1 else np.inf

    # the valley of this function has a kink: search from several starts
    starts = [(1 / L, 0.3), (2 / L, 0.2), (1.5 / L, 0.5), (2.5 / L, 0.4)]
    return min((descend(slowest, start, 0.2 / L) for start in starts), key=lambda found: found[1])


@formula(
    "momentum-best",
    r"\eta^\star = \frac{4}{(\sqrt L + \sqrt\mu)^2},"
    r" \qquad \beta^\star = \left(\frac{\sqrt\kappa-1}{\sqrt\kappa+1}\right)^2",
)
@pytest.mark.parametrize(("mu", "L"), [(0.5, 2.0), (0.1, 1.0)])
def test_a_search_finds_no_better_pair(mu, L):
    kappa = L / mu
    lr, beta = 4 / (L**0.5 + mu**0.5) ** 2, ((kappa**0.5 - 1) / (kappa**0.5 + 1)) ** 2
    at_the_formula = radius_of_pair(lr, beta, np.linspace(mu, L, 9))
    point, best = found_pair(mu, L)
    assert at_the_formula <= best + 1e-6
    np.testing.assert_allclose(point, (lr, beta), rtol=0.1)


@formula(
    "momentum-rate",
    r"\min_{\eta,\,\beta}\; \max_{\mu \le \lambda \le L} |r| = \sqrt{\beta^\star}"
    r" = \frac{\sqrt\kappa-1}{\sqrt\kappa+1}",
)
@pytest.mark.parametrize("kappa", [4.0, 100.0, 2500.0])
def test_at_the_best_pair_a_run_shrinks_at_the_rate(kappa):
    rate = (kappa**0.5 - 1) / (kappa**0.5 + 1)
    problem = problems.Quadratic(condition=kappa, size=30, largest=3.0)
    opt = Momentum(lr=4 / 3 / (1 + kappa**-0.5) ** 2, momentum=rate**2)
    steps = int(20 * kappa**0.5)
    path = np.linalg.norm(minimize(problem, opt, steps=2 * steps).theta, axis=1)
    # at a double root the error goes like t r^t: over the second half the factor t doubles
    assert path[2 * steps] / path[steps] / 2 == pytest.approx(rate**steps, rel=0.2)


@formula("momentum-steps", r"t \approx \frac{\sqrt\kappa}{2}\,\ln\frac1\varepsilon")
def test_the_steps_grow_like_the_root_of_the_condition_number():
    wait = []
    for kappa in (1e2, 1e4, 1e6):
        rate = radius_of_pair(
            4 / (1 + kappa**-0.5) ** 2, ((kappa**0.5 - 1) / (kappa**0.5 + 1)) ** 2, [1 / kappa, 0.3, 1]
        )
        wait.append(np.log(1e-6) / np.log(rate) / (kappa**0.5 / 2 * np.log(1e6)))
    assert abs(wait[0] - 1) < 0.01
    assert abs(wait[-1] - 1) < 1e-4


# ---- conventions


def three_runs(gradient, theta, lr, beta, steps):
    """Velocities and points of sum, learning rate inside and moving average, each on its own way."""
    a, b, c = theta, theta, theta
    v, u, m = (np.zeros_like(theta) for _ in range(3))
    told = []
    for t in range(steps):
        v, u, m = beta * v + gradient(a), beta * u - lr(t) * gradient(b), beta * m + (1 - beta) * gradient(c)
        a, b, c = a - lr(t) * v, b + u, c - lr(t) / (1 - beta) * m
        told.append([v, u, m, a, b, c])
    return np.array(told)


@formula("three-conventions", r"u_t = -\eta\,v_t, \qquad m_t = (1-\beta)\,v_t")
def test_the_three_conventions_are_one_method_at_constant_rate():
    problem = problems.Rosenbrock()
    told = three_runs(lambda p: problem.loss_and_grad(p)[1], problem.init(), lambda t: 0.001, 0.9, 100)
    v, u, m, a, b, c = told.swapaxes(0, 1)
    np.testing.assert_allclose(u, -0.001 * v, rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(m, 0.1 * v, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(b, a, atol=1e-12)
    np.testing.assert_allclose(c, a, atol=1e-12)
    library = minimize(problem, Momentum(lr=0.001, momentum=0.9), steps=100).theta[1:]
    np.testing.assert_allclose(library, a, atol=1e-12)


@formula("coasting", r"\sum_{k=1}^{\infty} (1-\rho)\,\beta^k\,\eta\,v_T = (1-\rho)\,\frac{\beta}{1-\beta}\,\eta\,v_T")
@pytest.mark.parametrize(("beta", "rho"), [(0.9, 0.1), (0.5, 0.3)])
def test_with_the_rate_inside_the_ball_coasts_farther_after_a_drop(beta, rho):
    given = iter(np.repeat(np.random.default_rng(0).normal(size=400), 3))  # the three see the same gradients
    told = three_runs(lambda p: next(given), np.float64(0), lambda t: 0.2 if t < 50 else 0.2 * rho, beta, 400)
    farther = -(told[-1, 4] - told[-1, 3])
    assert told[49, 4] == pytest.approx(told[49, 3])
    assert farther == pytest.approx((1 - rho) * beta / (1 - beta) * 0.2 * told[49, 0])


# ---- Nesterov


@formula(
    "nesterov-change",
    r"x_{t+1} + \beta u_{t+1} = \theta_{t+1} = \theta_t - \eta\,\bigl(g_t + \beta\,v_{t+1}\bigr)",
)
def test_the_library_stands_on_the_look_ahead_points():
    problem, lr, beta = problems.Rosenbrock(), 0.001, 0.9
    path = minimize(problem, Nesterov(lr=lr, momentum=beta), steps=200).theta
    x, u = problem.init(), np.zeros(2)
    for t in range(201):
        np.testing.assert_allclose(path[t], x + beta * u, atol=1e-11)
        u = beta * u - lr * problem.loss_and_grad(x + beta * u)[1]
        x = x + u


@formula("nesterov-characteristic", r"r^2 - (1+\beta)(1-\eta\lambda)\,r + \beta\,(1-\eta\lambda) = 0")
@pytest.mark.parametrize(("product", "beta"), [*PAIRS[:3], (1.2, 0.9), (1.9, 0.05)])
def test_the_eigenvalues_of_a_nesterov_step_solve_the_equation(product, beta):
    curvature = 2.5
    found = np.linalg.eigvals(step_matrix(Nesterov(lr=product / curvature, momentum=beta), curvature))
    np.testing.assert_allclose(found**2 - (1 + beta) * (1 - product) * found + beta * (1 - product), 0, atol=1e-14)


@formula("nesterov-threshold", r"|r_1|, |r_2| < 1 \iff 0 < \eta\lambda < \frac{2\,(1+\beta)}{1+2\beta}")
@pytest.mark.parametrize("beta", [0.0, 0.3, 0.9, 0.99])
def test_nesterov_comes_home_exactly_below_its_own_cliff(beta):
    lrs = 2 * (1 + beta) / (1 + 2 * beta) * np.array([0.01, 0.5, 0.99, 1.01, 1.5])
    run = minimize(problems.Quadratic(size=1), Nesterov(lr=lrs, momentum=beta), steps=4000, diverged_above=1e6)
    np.testing.assert_array_equal(run.diverged, [False, False, False, True, True])
    assert (np.abs(run.final[:3]) < 1e-3).all()


@formula(
    "nesterov-rate",
    r"\eta = \frac1L, \quad \beta = \frac{\sqrt\kappa-1}{\sqrt\kappa+1} \quad\Longrightarrow\quad"
    r" \max_{\mu\le\lambda\le L} |r| = 1 - \frac{1}{\sqrt\kappa}",
)
@pytest.mark.parametrize("kappa", [4.0, 100.0, 2500.0])
def test_nesterov_with_its_own_pair_shrinks_at_its_rate(kappa):
    opt = Nesterov(lr=1 / 3, momentum=(kappa**0.5 - 1) / (kappa**0.5 + 1))
    radii = radius(step_matrix(opt, np.geomspace(3 / kappa, 3, 40)))
    assert radii.max() == pytest.approx(1 - kappa**-0.5, abs=1e-6)
    assert int(np.argmax(radii)) == 0  # the flattest direction is the slowest


# ---- nobody can be faster


@formula("zero-propagation", r"\theta_t \in \mathrm{span}\{e_1, \dots, e_t\}")
def test_news_travels_one_bead_a_step_whatever_is_done_with_the_gradients():
    problem = problems.Chain(30)
    theta, seen = problem.init(), []
    for t in range(20):
        assert np.all(theta[t:] == 0)
        seen.append(problem.loss_and_grad(theta)[1])
        theta = RNG.normal(size=len(seen)) @ np.array(seen)  # any combination of all gradients so far


def lowest_after(problem, steps):
    """The lowest loss that combinations of gradients reach: conjugate gradients, which minimise over the whole span."""
    theta, direction, residual = problem.init(), 0.0, None
    for _ in range(steps):
        g = problem.loss_and_grad(theta)[1]
        direction = -g + (0.0 if residual is None else (g @ g) / residual * direction)
        residual = g @ g
        theta = theta + residual / (direction @ problem.hvp(theta, direction)) * direction
    return problem.loss(theta)


@formula("chain-floor", r"f(\theta_t) - f^\star \ge \frac L8\left(\frac{1}{t+1} - \frac{1}{n+1}\right)")
@pytest.mark.parametrize("steps", [1, 4, 17])
def test_the_best_combination_of_gradients_stands_exactly_on_the_floor(steps):
    n, L = 40, 3.0
    assert lowest_after(problems.Chain(n, largest=L), steps) == pytest.approx(L / 8 * (1 / (steps + 1) - 1 / (n + 1)))


@formula("lower-bound", r"f(\theta_t) - f^\star \ge \frac{3\,L\,\|\theta_0-\theta^\star\|^2}{32\,(t+1)^2}")
@pytest.mark.parametrize("steps", [1, 5, 20, 60])
def test_on_a_chain_twice_as_long_nobody_gets_below_the_bound(steps):
    problem = problems.Chain(2 * steps + 1, largest=2.0)
    bound = 3 * 2.0 * np.sum(problem.optimum**2) / (32 * (steps + 1) ** 2)
    best = lowest_after(problem, steps)
    assert bound <= best <= 1.6 * bound  # and the bound is not far from the truth
    for opt in (SGD(lr=0.5), Momentum(lr=0.5, momentum=0.9), Nesterov(lr=0.5, momentum=0.9)):
        assert minimize(problem, opt, steps=steps).loss[-1] >= bound


# ---- noise


@formula(
    "momentum-floor",
    r"\mathbb{E}[\theta^2] ="
    r" \frac{\eta\,(1+\beta)\,\sigma^2}{\lambda\,(1-\beta)\,\bigl(2(1+\beta) - \eta\lambda\bigr)}",
)
@pytest.mark.parametrize(("lr", "beta"), [(0.5, 0.0), (0.1, 0.5), (0.05, 0.9), (1.5, 0.9)])
def test_under_noise_the_ball_hovers_at_the_floor(lr, beta):
    curvature, sigma, chains = 0.8, 1.3, 20_000
    problem = problems.Quadratic(size=1, largest=curvature, noise=sigma)
    rng = np.random.default_rng(0)
    opt, theta = Momentum(lr=lr, momentum=beta), np.zeros((chains, 1))
    state = opt.init(theta)
    for _ in range(300):
        opt.step(theta, problem.loss_and_grad(theta, rng.standard_normal(theta.shape))[1], state)
    floor = lr * (1 + beta) * sigma**2 / (curvature * (1 - beta) * (2 * (1 + beta) - lr * curvature))
    assert np.mean(theta**2) == pytest.approx(floor, rel=0.05)
