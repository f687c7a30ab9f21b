"""The labelled equations of lesson 01, each by another route: simulation, eigenvalues, differences, algebra."""

import numpy as np
import pytest
import sympy

from optlib import SGD, minimize, problems
from optlib.evidence import formula


def bowl(rng, size=5):
    """A random symmetric matrix with positive eigenvalues, by a route that knows no eigenvectors."""
    A = rng.normal(size=(size, 2 * size))
    return A @ A.T / size


def differences(f, theta, h=1e-6):
    """The gradient of f by central differences, entry by entry; theta may have any shape."""
    g = np.empty_like(theta)
    for index in np.ndindex(theta.shape):
        step = np.zeros_like(theta)
        step[index] = h
        g[index] = (f(theta + step) - f(theta - step)) / (2 * h)
    return g


class Logistic:
    """Logistic regression with some ridge: smooth and convex but no bowl; its minimum is found by Newton's method."""

    def __init__(self, rng, ridge=0.0, examples=40, size=4):
        self.X, self.y = rng.normal(size=(examples, size)), rng.choice([-1.0, 1.0], size=examples)
        self.ridge = ridge
        self.L = np.linalg.eigvalsh(self.X.T @ self.X)[-1] / (4 * examples) + ridge
        self.optimum = np.zeros(size)
        for _ in range(30):
            self.optimum = self.optimum - np.linalg.solve(self.hessian(self.optimum), self.grad(self.optimum))
        self.lowest = self.loss(self.optimum)

    def loss(self, theta):
        return np.logaddexp(0, -self.y * (self.X @ theta)).mean() + self.ridge / 2 * theta @ theta

    def grad(self, theta):
        wrong = np.exp(-np.logaddexp(0, self.y * (self.X @ theta)))  # the probability of the other class
        return -self.X.T @ (self.y * wrong) / len(self.y) + self.ridge * theta

    def hessian(self, theta):
        p = 1 / (1 + np.exp(self.X @ theta))
        return (self.X.T * (p * (1 - p))) @ self.X / len(self.y) + self.ridge * np.eye(len(theta))

    def path(self, rng, steps):
        theta = [rng.normal(size=self.X.shape[1]) * 3]
        for _ in range(steps):
            theta.append(theta[-1] - self.grad(theta[-1]) / self.L)
        return np.array(theta)


def orders(errors, ratio=0.5):
    """With which power of the step an error falls when the step is halved again and again."""
    return np.diff(np.log(errors)) / np.log(ratio)


@formula("taylor-first", r"f(\theta + d) = f(\theta) + g^\top d + O(\|d\|^2)")
def test_what_the_slope_misses_falls_with_the_square_of_the_step():
    valley, rng = problems.Rosenbrock(), np.random.default_rng(0)
    theta, d = rng.normal(size=2), rng.normal(size=2)
    loss, g = valley.loss_and_grad(theta)
    scales = 0.5 ** np.arange(8, 14)
    missed = [abs(valley.loss(theta + s * d) - loss - g @ (s * d)) for s in scales]
    assert orders(missed) == pytest.approx(2, abs=0.05)


@formula(
    "steepest-descent",
    r"\min_{\|d\|_2 \le r} g^\top d = -r\,\|g\|_2, \quad \text{reached at } d = -r\,\frac{g}{\|g\|_2}",
)
def test_no_step_of_euclidean_length_r_goes_further_down_than_the_negative_gradient():
    rng = np.random.default_rng(0)
    g, r = rng.normal(size=3), 0.7
    d = rng.normal(size=(200_000, 3))
    d *= r / np.linalg.norm(d, axis=1, keepdims=True)
    slopes = d @ g
    assert -r * np.linalg.norm(g) <= slopes.min() <= -0.999 * r * np.linalg.norm(g)
    np.testing.assert_allclose(d[slopes.argmin()], -r * g / np.linalg.norm(g), atol=0.02)


@formula(
    "steepest-descent-max",
    r"\min_{\|d\|_\infty \le r} g^\top d = -r\,\|g\|_1, \quad \text{reached at } d = -r\,\mathrm{sign}(g)",
)
def test_the_lowest_corner_of_a_cube_lies_against_the_signs_of_the_gradient():
    # a linear function on a cube is lowest at a corner, so trying all corners is a proof
    g, r = np.random.default_rng(0).normal(size=4), 0.7
    corners = r * np.array(np.meshgrid(*[[-1, 1]] * 4)).reshape(4, -1).T
    lowest = corners[(corners @ g).argmin()]
    assert (corners @ g).min() == pytest.approx(-r * np.abs(g).sum())
    assert np.array_equal(lowest, -r * np.sign(g))


@formula(
    "taylor-second",
    r"f(\theta - \eta g) = f(\theta) - \eta\,\|g\|^2 + \frac{\eta^2}{2}\, g^\top H g + O(\eta^3)",
)
def test_what_the_parabola_along_the_gradient_misses_falls_with_the_cube_of_the_rate():
    hills = problems.Himmelblau()
    theta = np.array([0.5, -1.0])
    loss, g = hills.loss_and_grad(theta)
    H = np.stack([differences(lambda x, i=i: hills.loss_and_grad(x)[1][i], theta) for i in range(2)])
    eta = 0.5 ** np.arange(10, 15)
    missed = [abs(hills.loss(theta - e * g) - loss + e * g @ g - e**2 / 2 * g @ H @ g) for e in eta]
    assert orders(missed) == pytest.approx(3, abs=0.1)


@formula("gd-contraction", r"\theta_{t+1} = \theta_t - \eta\lambda\theta_t = (1 - \eta\lambda)\,\theta_t")
def test_every_step_on_a_parabola_multiplies_by_the_same_number():
    curvature, lr = 3.0, 0.4
    run = minimize(problems.Quadratic(condition=1, size=1, largest=curvature), SGD(lr=lr), steps=20)
    assert run.theta[1:] / run.theta[:-1] == pytest.approx(1 - lr * curvature)


@formula("gd-threshold", r"|1 - \eta\lambda| < 1 \iff 0 < \eta < \frac{2}{\lambda}")
@pytest.mark.parametrize("curvature", [0.01, 1.0, 250.0])
def test_gradient_descent_converges_exactly_below_two_over_the_curvature(curvature):
    lr = np.array([0.01, 0.5, 0.99, 1.01, 1.5]) * 2 / curvature
    start = problems.Quadratic(condition=1, size=1, largest=curvature)
    run = minimize(start, SGD(lr=lr), steps=2000, record="loss")
    assert run.diverged.tolist() == [False, False, False, True, True]
    assert (run.loss[-1, :3] < 1e-6 * run.loss[0, :3]).all()


@formula("gd-eigen", r"\theta_t - \theta^\star = \sum_i (1 - \eta\lambda_i)^t\, c_i\, v_i")
def test_each_eigendirection_of_the_error_shrinks_by_its_own_factor():
    rng = np.random.default_rng(0)
    H, optimum, theta, lr, t = bowl(rng), rng.normal(size=5), rng.normal(size=5), 0.1, 17
    curvature, v = np.linalg.eigh(H)
    c = v.T @ (theta - optimum)
    for _ in range(t):
        theta = theta - lr * H @ (theta - optimum)
    np.testing.assert_allclose(theta - optimum, v @ ((1 - lr * curvature) ** t * c), rtol=1e-9)


@formula("gd-best-step", r"\arg\min_\eta\, \max\bigl(|1-\eta\mu|,\, |1-\eta L|\bigr) = \frac{2}{L+\mu}")
def test_among_many_rates_the_one_nearest_to_the_best_step_leaves_the_smallest_error():
    problem = problems.Quadratic(condition=7, size=3, largest=2.0)
    mu, L = problem.curvature()[[0, -1]]
    lr = np.linspace(0.01, 2 / L, 2001)
    run = minimize(problem, SGD(lr=lr), steps=200, theta=np.tile(problem.init(), (len(lr), 1)))
    error = np.abs(run.theta[-1]).max(axis=1)
    assert lr[error.argmin()] == pytest.approx(2 / (L + mu), abs=lr[1] - lr[0])


@formula(
    "gd-rate",
    r"\min_\eta\, \max\bigl(|1-\eta\mu|,\, |1-\eta L|\bigr) = \frac{\kappa-1}{\kappa+1}, \qquad \kappa = \frac{L}{\mu}",
)
@pytest.mark.parametrize("seed", range(3))
def test_the_best_spectral_radius_of_a_step_depends_on_the_condition_number_alone(seed):
    H = bowl(np.random.default_rng(seed), size=4)
    kappa = np.linalg.cond(H)
    etas = np.linspace(0, 2 / np.linalg.norm(H, 2), 4001)[:, None, None]
    radius = np.abs(np.linalg.eigvals(np.eye(4) - etas * H)).max(axis=-1)
    assert radius.min() == pytest.approx((kappa - 1) / (kappa + 1), abs=1e-3)


@formula(
    "gd-steps",
    r"t = \frac{\ln(1/\varepsilon)}{\ln\frac{\kappa+1}{\kappa-1}} \approx \frac{\kappa}{2}\,\ln\frac{1}{\varepsilon}",
)
@pytest.mark.parametrize(("kappa", "within"), [(10, 0.004), (100, 0.002), (1000, 0.001)])
def test_steps_to_shrink_the_error_are_counted_right_by_both_forms(kappa, within):
    problem, eps = problems.Quadratic(condition=kappa), 1e-6
    run = minimize(problem, SGD(lr=2 / problem.curvature().sum()), steps=8000)
    error = np.linalg.norm(run.theta, axis=1)
    counted = np.argmax(error <= eps * error[0])
    assert counted == np.ceil(np.log(1 / eps) / np.log((kappa + 1) / (kappa - 1)) - 1e-9)
    assert kappa / 2 * np.log(1 / eps) == pytest.approx(counted, rel=within, abs=1)


@formula("descent-lemma", r"f(\theta - \eta g) \le f(\theta) - \eta\Bigl(1 - \frac{\eta L}{2}\Bigr)\|g\|^2")
def test_a_smooth_loss_falls_by_what_the_descent_lemma_says_and_a_parabola_by_no_more():
    rng = np.random.default_rng(0)
    smooth = Logistic(rng)
    for theta, eta in zip(rng.normal(size=(200, 4)) * 3, rng.uniform(0, 3 / smooth.L, 200), strict=True):
        g = smooth.grad(theta)
        assert smooth.loss(theta - eta * g) <= smooth.loss(theta) - eta * (1 - eta * smooth.L / 2) * g @ g + 1e-14
    # sin has curvature at most 1 and is not convex
    theta, eta = rng.uniform(-9, 9, 500), rng.uniform(0, 3, 500)
    g = np.cos(theta)
    assert (np.sin(theta - eta * g) <= np.sin(theta) - eta * (1 - eta / 2) * g**2 + 1e-14).all()
    L, theta, eta = 3.0, 0.7, 0.25
    assert L / 2 * (theta - eta * L * theta) ** 2 == pytest.approx(
        L / 2 * theta**2 - eta * (1 - eta * L / 2) * (L * theta) ** 2
    )


@formula(
    "gd-one-step",
    r"f(\theta_{t+1}) - f^\star \le g_t^\top(\theta_t - \theta^\star) - \frac{\|g_t\|^2}{2L}"
    r" = \frac{L}{2}\Bigl(\|\theta_t-\theta^\star\|^2 - \|\theta_{t+1}-\theta^\star\|^2\Bigr)",
)
def test_the_gap_after_a_step_is_paid_for_with_distance():
    rng = np.random.default_rng(1)
    convex = Logistic(rng)
    path = convex.path(rng, steps=200)
    g = np.array([convex.grad(theta) for theta in path[:-1]])
    gap = np.array([convex.loss(theta) for theta in path[1:]]) - convex.lowest
    square = ((path - convex.optimum) ** 2).sum(axis=1)
    middle = ((path[:-1] - convex.optimum) * g).sum(axis=1) - (g**2).sum(axis=1) / (2 * convex.L)
    assert (gap <= middle + 1e-12).all()
    np.testing.assert_allclose(middle, convex.L / 2 * (square[:-1] - square[1:]), atol=1e-12)


@formula("gd-convex-bound", r"f(\theta_t) - f^\star \le \frac{L\,\|\theta_0 - \theta^\star\|^2}{2t}")
@pytest.mark.parametrize("seed", range(5))
def test_the_gap_of_a_convex_loss_stays_below_the_bound(seed):
    rng = np.random.default_rng(seed)
    convex = Logistic(rng)
    path = convex.path(rng, steps=300)
    gap = np.array([convex.loss(theta) for theta in path[1:]]) - convex.lowest
    bound = convex.L * ((path[0] - convex.optimum) ** 2).sum() / (2 * np.arange(1, 301))
    assert (gap <= bound + 1e-12).all()
    # the worst loss known for t steps, a parabola continued by straight lines (Drori and Teboulle, arXiv 1206.3209),
    # comes within a factor of two: the constant cannot be much better
    for t in (1, 10, 100):
        theta, bend = 1.0, 1 / (2 * t + 1)
        for _ in range(t):
            theta -= np.clip(theta, -bend, bend)
        worst = bend * theta - bend**2 / 2
        assert 0.33 / (2 * t) <= worst <= 1 / (2 * t)


@formula("pl-inequality", r"\|g\|^2 \ge 2\mu\,\bigl(f(\theta) - f^\star\bigr)")
def test_the_slope_of_a_strongly_convex_loss_is_large_where_the_loss_is_high():
    rng = np.random.default_rng(0)
    strong = Logistic(rng, ridge=0.05)  # the ridge is the least curvature there can be
    for theta in rng.normal(size=(300, 4)) * 10 ** rng.uniform(-2, 2, size=(300, 1)):
        g = strong.grad(theta)
        assert g @ g >= 2 * 0.05 * (strong.loss(theta) - strong.lowest) - 1e-14
    mu, theta = 0.3, 1.7
    assert (mu * theta) ** 2 == pytest.approx(2 * mu * (mu / 2 * theta**2))  # a parabola needs all of it


@formula(
    "gd-linear-rate",
    r"f(\theta_t) - f^\star \le \Bigl(1 - \frac{1}{\kappa}\Bigr)^{t}\,\bigl(f(\theta_0) - f^\star\bigr)",
)
@pytest.mark.parametrize("seed", range(5))
def test_the_gap_of_a_strongly_convex_loss_shrinks_by_a_constant_factor(seed):
    rng = np.random.default_rng(seed)
    strong = Logistic(rng, ridge=0.02)
    kappa = strong.L / 0.02
    gap = np.array([strong.loss(theta) for theta in strong.path(rng, steps=200)]) - strong.lowest
    assert (gap <= (1 - 1 / kappa) ** np.arange(201) * gap[0] + 1e-13).all()
    # on a parabola of the least curvature the same steps shrink the gap by hardly more than twice that
    flat = minimize(problems.Quadratic(condition=1, size=1, largest=0.02), SGD(lr=1 / strong.L), steps=200).loss
    assert (flat >= (1 - 2 / kappa) ** np.arange(201) * flat[0]).all()


@formula("saddle-escape", r"t_{\text{escape}} = \frac{\ln(1/\delta)}{\ln(1 + \eta s)}")
@pytest.mark.parametrize("delta", [1e-2, 1e-4, 1e-8])
@pytest.mark.parametrize(("lr", "slope"), [(0.1, 0.1), (0.5, 0.3)])
def test_a_saddle_holds_gradient_descent_for_the_predicted_number_of_steps(delta, lr, slope):
    run = minimize(problems.Saddle(delta=delta, slope=slope), SGD(lr=lr), steps=2000)
    escaped = np.argmax(np.abs(run.theta[:, 1]) >= 1)
    assert 0 <= escaped - np.log(1 / delta) / np.log(1 + lr * slope) < 1


@formula("softmax-gradient", r"\frac{\partial}{\partial z_j}\bigl(-\ln p_y\bigr) = p_j - [j = y]")
def test_the_derivative_of_the_surprise_is_predicted_minus_true():
    z = sympy.symbols("z:4")
    p = [sympy.exp(a) / sum(map(sympy.exp, z)) for a in z]
    for y in range(4):
        for j in range(4):
            assert sympy.simplify(sympy.diff(-sympy.log(p[y]), z[j]) - (p[j] - int(j == y))) == 0


@formula(
    "backprop-layer",
    r"\frac{\partial f}{\partial W} = h^\top\delta, \qquad \frac{\partial f}{\partial b} = \sum_i \delta_i, \qquad"
    r" \frac{\partial f}{\partial h} = \delta\,W^\top",
)
def test_a_layer_passes_derivatives_back_as_differences_say():
    rng = np.random.default_rng(0)
    h, W, b, weights = (rng.normal(size=shape) for shape in ((6, 4), (4, 3), (3,), (6, 3)))

    def f(h, W, b):
        return (weights * np.sin(h @ W + b)).sum()

    delta = differences(lambda z: (weights * np.sin(z)).sum(), h @ W + b)
    np.testing.assert_allclose(h.T @ delta, differences(lambda W: f(h, W, b), W), atol=1e-7)
    np.testing.assert_allclose(delta.sum(axis=0), differences(lambda b: f(h, W, b), b), atol=1e-7)
    np.testing.assert_allclose(delta @ W.T, differences(lambda h: f(h, W, b), h), atol=1e-7)


@formula(
    "backprop-tanh",
    r"h = \tanh(a) \quad\Longrightarrow\quad \frac{\partial f}{\partial a}"
    r" = \frac{\partial f}{\partial h} \odot (1 - h^2)",
)
def test_the_output_of_tanh_tells_its_slope():
    rng = np.random.default_rng(0)
    a, weights = rng.normal(size=(5, 4)), rng.normal(size=(5, 4))
    after = differences(lambda h: (weights * h**3).sum(), np.tanh(a))
    before = differences(lambda a: (weights * np.tanh(a) ** 3).sum(), a)
    np.testing.assert_allclose(before, after * (1 - np.tanh(a) ** 2), atol=1e-7)


@formula("central-difference", r"\frac{f(x+h) - f(x-h)}{2h} = f'(x) + \frac{h^2}{6} f'''(x) + O(h^4)")
def test_the_central_difference_errs_by_a_sixth_of_the_third_derivative():
    x, h = sympy.symbols("x h")
    f = sympy.exp(x) * sympy.sin(3 * x)
    difference = (f.subs(x, x + h) - f.subs(x, x - h)) / (2 * h)
    expected = f.diff(x) + h**2 / 6 * f.diff(x, 3)
    rest = sympy.series(difference.subs(x, sympy.Rational(1, 3)), h, 0, 4).removeO() - expected.subs(
        x, sympy.Rational(1, 3)
    )
    assert abs(sympy.N(rest.subs(h, sympy.Rational(1, 7)), 30)) < 1e-25


@formula(
    "difference-step",
    r"\arg\min_h \Bigl(\frac{h^2}{6}\,|f'''| + \frac{\varepsilon\,|f|}{h}\Bigr)"
    r" = \Bigl(\frac{3\,\varepsilon\,|f|}{|f'''|}\Bigr)^{1/3}",
)
def test_the_best_difference_step_balances_the_two_errors():
    third, size, eps = 0.8, 2.3, 2.2e-16
    h = np.geomspace(1e-9, 1e-2, 100_001)
    best = h[np.argmin(h**2 / 6 * third + eps * size / h)]
    assert best == pytest.approx((3 * eps * size / third) ** (1 / 3), rel=1e-3)
    # and in floating point: around this step sin is differentiated best, a hundred times beyond it on either side worse
    x = np.random.default_rng(0).uniform(0.3, 1.2, 1000)

    def error(h):
        return np.abs((np.sin(x + h) - np.sin(x - h)) / (2 * h) - np.cos(x)).mean()

    good = (3 * eps) ** (1 / 3)
    assert error(good) < 0.1 * min(error(100 * good), error(good / 100))
