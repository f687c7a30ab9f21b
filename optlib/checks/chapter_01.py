"""Tasks of chapter 01: gradient descent."""

import numpy as np

from optlib.checks import Mistake, Task

# ---- 01.1 which learning rates diverge


def diverges(lr, curvatures):
    return bool(np.max(np.abs(1 - lr * curvatures)) > 1)


def ask_each_rate(answer, rates, curvatures):
    return {f"lr = {lr:.3g}": answer(float(lr), curvatures.copy()) for lr in rates}


def bowls_and_others(rng):
    def case(label, curvatures):
        curvatures = rng.permutation(np.array(curvatures, dtype=float))
        edge = 2 / np.abs(curvatures).max()
        rates = edge * np.array(
            [0.02, rng.uniform(0.2, 0.45), rng.uniform(0.55, 0.95), 1.05, rng.uniform(1.2, 4), 60.0]
        )
        return {"label": label, "curvatures": curvatures, "rates": rates}

    several = np.sort(rng.uniform(0.5, 8, size=5))
    return [
        case("one curvature", [rng.uniform(0.5, 5)]),
        case("five curvatures", several),
        case("curvatures over four decades", np.logspace(-2, 2, 5) * rng.uniform(1, 2, size=5)),
        case("one direction is flat", [0, *several]),
        case("one curvature is negative", [-0.1, *several]),
        case("the negative curvature is the largest in size", [-10, *several]),
    ]


def diverges_when_it_overshoots(lr, curvatures):
    return lr * curvatures.max() > 1


def diverges_by_the_sum(lr, curvatures):
    return lr * curvatures.sum() > 2


def diverges_by_the_mean(lr, curvatures):
    return lr * curvatures.mean() > 2


def diverges_by_the_largest(lr, curvatures):
    return lr * curvatures.max() > 2


def diverges_by_the_largest_size(lr, curvatures):
    return lr * np.abs(curvatures).max() > 2


def diverges_when_flat(lr, curvatures):
    return np.any(np.abs(1 - lr * curvatures) >= 1)


def diverges_in_all_directions(lr, curvatures):
    return np.all(np.abs(1 - lr * curvatures) > 1)


def diverges_by_factor(lr, curvatures):
    return np.any(1 - lr * curvatures > 1)


def diverges_by_the_product(lr, curvatures):
    return np.prod(np.abs(1 - lr * curvatures)) > 1


def diverges_above_the_best(lr, curvatures):
    return lr > 2 / (curvatures.max() + curvatures.min())


def diverges_for_each_direction(lr, curvatures):
    return np.abs(1 - lr * curvatures) > 1


def diverges_when_large_after_a_while(lr, curvatures):
    error = np.ones(len(curvatures))
    with np.errstate(over="ignore"):
        for _ in range(1000):
            error = error * (1 - lr * curvatures)
        return np.linalg.norm(error) > 1e6


def diverges_in_a_loop(lr, curvatures):
    for curvature in curvatures:  # noqa: SIM110
        if abs(1 - lr * curvature) > 1:
            return True
    return False


def diverges_by_both_ends(lr, curvatures):
    return lr > 0 and (curvatures.min() < 0 or curvatures.max() * lr > 2)


def diverges_when_run(lr, curvatures):
    error = np.ones(len(curvatures))
    with np.errstate(over="ignore"):
        for _ in range(200):  # a hundred steps at a time
            error = error * (1 - lr * curvatures) ** 100
            if not np.all(np.abs(error) < 1e3):
                return True
    return False


# ---- 01.2 the best step along the gradient


def best_step(g, H):
    return g @ g / (g @ H @ g)


def call_with_gradient(answer, g, H):
    return answer(g.copy(), H.copy())


def gradients_on_bowls(rng):
    A = rng.normal(size=(4, 6))
    g = rng.normal(size=4)
    v, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    saddle = (v * [-1.0, 2.0, 5.0]) @ v.T
    return [
        {"label": "one parameter", "g": rng.normal(size=1) + 3, "H": np.array([[rng.uniform(2, 5)]])},
        {"label": "a bowl along the axes", "g": rng.normal(size=2), "H": np.diag(rng.uniform(1, 6, size=2))},
        {"label": "a turned bowl", "g": g, "H": A @ A.T},
        {"label": "the same bowl, ten times the gradient", "g": 10 * g, "H": A @ A.T},
        {
            "label": "a saddle, seen along a direction that curves up",
            "g": v @ [0.5, 1.0, rng.uniform(1, 2)],
            "H": saddle,
        },
    ]


def step_where_gain_equals_cost(g, H):
    return 2 * (g @ g) / (g @ H @ g)


def step_with_the_length(g, H):
    return np.linalg.norm(g) / (g @ H @ g)


def step_upside_down(g, H):
    return g @ H @ g / (g @ g)


def step_for_the_steepest(g, H):
    return 1 / np.abs(np.linalg.eigvalsh(H)).max()


def step_for_the_shortest_gradient(g, H):
    return g @ H @ g / (g @ H @ H @ g)


def step_with_the_diagonal(g, H):
    return g @ g / (g @ (np.diag(H) * g))


def step_for_a_unit_gradient(g, H):
    return 1 / (g @ H @ g)


def step_without_brackets(g, H):
    return g @ g / g @ H @ g


def step_of_newton(g, H):
    return np.linalg.solve(H, g)


def step_for_many_steps(g, H):
    curvatures = np.linalg.eigvalsh(H)
    return 2 / (curvatures[0] + curvatures[-1])


def step_cut_in_half(g, H):
    return g @ g / (2 * (g @ H @ g))


def step_entry_by_entry(g, H):
    return g * g / (g * (H @ g))


def step_by_stars(g, H):
    return g * g / (g * H * g)


def step_along_a_unit_vector(g, H):
    v = g / np.linalg.norm(g)
    return 1 / (v @ H @ v)


def step_in_loops(g, H):
    gain = sum(x * x for x in g)
    cost = sum(g[i] * H[i, j] * g[j] for i in range(len(g)) for j in range(len(g)))
    return gain / cost


def step_by_einsum(g, H):
    return np.einsum("i,i", g, g) / np.einsum("i,ij,j", g, H, g)


# ---- 01.3 the largest safe learning rate, from gradients


def largest_safe_lr(gradient, theta, steps=50):
    v = theta / np.linalg.norm(theta)
    for _ in range(steps):
        w = gradient(theta + v) - gradient(theta)
        v, curvature = w / np.linalg.norm(w), np.linalg.norm(w)
    return 2 / curvature


def with_a_gradient(answer, loss, H, optimum, theta):
    def gradient(at):
        return H @ (at - optimum)

    return answer(gradient, theta.copy())


def unknown_bowls(rng):
    def case(label, curvatures, away, turned):
        n = len(curvatures)
        v = np.linalg.qr(rng.normal(size=(n, n)))[0] if turned else np.eye(n)
        theta = v @ (rng.choice([-1, 1], size=n) * rng.uniform(0.5, 1.5, size=n))  # a part in every direction
        return {
            "label": label,
            "loss": "(theta - optimum) @ H @ (theta - optimum) / 2",
            "H": (v * np.asarray(curvatures)) @ v.T,
            "optimum": away * rng.normal(size=n),
            "theta": theta,
        }

    return [
        case("two curvatures, minimum at the origin", [1, rng.uniform(3, 6)], 0, False),
        case("a turned bowl, minimum elsewhere", [0.5, 1, 2, 3, rng.uniform(5, 9)], 2, True),
        case("twenty curvatures, very steep", [*np.geomspace(0.1, 300, 19), rng.uniform(500, 900)], 2, True),
    ]


def safe_lr_without_overshoot(gradient, theta, steps=50):
    return largest_safe_lr(gradient, theta, steps) / 2


def safe_lr_is_the_curvature(gradient, theta, steps=50):
    return 2 / largest_safe_lr(gradient, theta, steps)


def safe_lr_by_the_trace(gradient, theta, steps=50):
    columns = [gradient(theta + e) - gradient(theta) for e in np.eye(len(theta))]
    return 2 / np.trace(columns)


def safe_lr_from_zero(gradient, theta, steps=50):
    v = np.zeros_like(theta)
    with np.errstate(invalid="ignore"):
        for _ in range(steps):
            w = gradient(theta + v) - gradient(theta)
            v, curvature = w / np.linalg.norm(w), np.linalg.norm(w)
    return 2 / curvature


def safe_lr_around_the_origin(gradient, theta, steps=50):
    v = theta / np.linalg.norm(theta)
    for _ in range(steps):
        w = gradient(v)
        v, curvature = w / np.linalg.norm(w), np.linalg.norm(w)
    return 2 / curvature


def safe_lr_from_one_look(gradient, theta, steps=50):
    v = theta / np.linalg.norm(theta)
    return 2 / np.linalg.norm(gradient(theta + v) - gradient(theta))


def safe_lr_by_the_length_of_the_gradient(gradient, theta, steps=50):
    return 2 / np.linalg.norm(gradient(theta))


def safe_lr_without_shortening(gradient, theta, steps=50):
    v = theta / np.linalg.norm(theta)
    for _ in range(steps):
        v = gradient(theta + v) - gradient(theta)
    return 2 / np.linalg.norm(v)


def safe_lr_of_the_smallest(gradient, theta, steps=50):
    H = np.array([gradient(theta + e) - gradient(theta) for e in np.eye(len(theta))])
    return 2 / np.linalg.eigvalsh((H + H.T) / 2)[0]


def safe_lr_along_the_gradient(gradient, theta, steps=50):
    g = gradient(theta)
    return 2 * (g @ g) / (g @ (gradient(theta + g) - gradient(theta)))


def safe_lr_by_two_lengths(gradient, theta, steps=50):
    return 2 * np.linalg.norm(theta) / np.linalg.norm(gradient(theta))


def safe_lr_seen_from_the_origin(gradient, theta, steps=50):
    low, high = 0.0, 10.0
    for _ in range(30):
        middle, at = (low + high) / 2, theta
        for _ in range(steps):
            at = at - middle * gradient(at)
        low, high = (low, middle) if np.linalg.norm(at) > np.linalg.norm(theta) else (middle, high)
    return low


def safe_lr_by_halving(gradient, theta, steps=50):
    lr = 1.0
    while True:
        at, start = theta, np.linalg.norm(gradient(theta))
        for _ in range(steps):
            at = at - lr * gradient(at)
        if np.linalg.norm(gradient(at)) < start:
            return lr
        lr /= 2


def safe_lr_from_the_whole_matrix(gradient, theta, steps=50):
    H = np.array([gradient(theta + e) - gradient(theta) for e in np.eye(len(theta))])
    return 2 / np.linalg.eigvalsh((H + H.T) / 2)[-1]


def safe_lr_by_rayleigh(gradient, theta, steps=50):
    v = np.ones_like(theta) + 0.1 * np.arange(len(theta))
    for _ in range(steps):
        v = gradient(theta + v) - gradient(theta)
        v /= np.linalg.norm(v)
    return 2 / (v @ (gradient(theta + v) - gradient(theta)))


def safe_lr_in_float32(gradient, theta, steps=50):
    v = theta.astype(np.float32)
    for _ in range(steps):
        v = (v / np.linalg.norm(v)).astype(np.float32)
        v = (gradient(theta + v) - gradient(theta)).astype(np.float32)
    return 2 / np.linalg.norm(v)


def safe_lr_by_running(gradient, theta, steps=50):
    low, high = 1e-5, 10.0
    for _ in range(14):
        middle = np.sqrt(low * high)
        at = theta
        for _ in range(1500):
            at = at - middle * gradient(at)
            if np.abs(at).max() > 1e6:
                high = middle
                break
        else:
            low = middle
    return low


# ---- 01.4 a gradient check that is wrong by a factor of two


def numerical_gradient(f, theta, h=1e-5):
    g = np.zeros_like(theta)
    for i in range(theta.size):
        step = np.zeros_like(theta)
        step[i] = h
        g[i] = (f(theta + step) - f(theta - step)) / (2 * h)
    return g


def with_a_loss(answer, loss, weights, A, theta, h):
    def f(at):
        return float(weights @ np.sin(at) + at @ A @ at)

    return answer(f, theta) if h == 1e-5 else answer(f, theta, h)


def losses(rng):
    def case(label, n, mixed, h):
        A = mixed * rng.normal(size=(n, n))
        inputs = {"weights": rng.uniform(1, 2, size=n), "A": A, "theta": rng.normal(size=n), "h": h}
        return {"label": label, "loss": "weights @ np.sin(theta) + theta @ A @ theta", **inputs}

    return [
        case("one parameter", 1, 0, 1e-5),
        case("five parameters that do not mix", 5, 0, 1e-5),
        case("forty parameters that mix", 40, 0.2, 1e-5),  # many: rounding does not spare all of them
        case("h = 0.1", 40, 0.2, 0.1),
    ]


def still_one_sided(f, theta, h=1e-5):
    g = np.zeros_like(theta)
    for i in range(theta.size):
        theta[i] += h
        up = f(theta)
        theta[i] -= h
        down = f(theta)
        g[i] = (up - down) / (2 * h)
    return g


def divided_by_h(f, theta, h=1e-5):
    g = np.zeros_like(theta)
    for i in range(theta.size):
        step = np.zeros_like(theta)
        step[i] = h
        g[i] = (f(theta + step) - f(theta)) / h
    return g


def never_put_back(f, theta, h=1e-5):
    theta, g = theta.copy(), np.zeros_like(theta)
    for i in range(theta.size):
        theta[i] += h
        up = f(theta)
        theta[i] -= 2 * h
        down = f(theta)
        g[i] = (up - down) / (2 * h)
    return g


def never_put_back_in_place(f, theta, h=1e-5):
    g = np.zeros_like(theta)
    for i in range(theta.size):
        theta[i] += h
        up = f(theta)
        theta[i] -= 2 * h
        down = f(theta)
        g[i] = (up - down) / (2 * h)
    return g


def divided_by_h_in_place(f, theta, h=1e-5):
    g = np.zeros_like(theta)
    for i in range(theta.size):
        theta[i] += h
        up = f(theta)
        theta[i] -= h
        down = f(theta)
        g[i] = (up - down) / h
    return g


def put_back_in_place(f, theta, h=1e-5):
    g = np.zeros_like(theta)
    for i in range(theta.size):
        theta[i] += h
        up = f(theta)
        theta[i] -= 2 * h
        down = f(theta)
        theta[i] += h
        g[i] = (up - down) / (2 * h)
    return g


def all_at_once(f, theta, h=1e-5):
    return np.full_like(theta, (f(theta + h) - f(theta - h)) / (2 * h))


def all_at_once_in_a_number(f, theta, h=1e-5):
    return (f(theta + h) - f(theta - h)) / (2 * h)


def multiplied_by_h(f, theta, h=1e-5):
    return numerical_gradient(f, theta, h) * h * h


def twice_too_large(f, theta, h=1e-5):
    return 2 * numerical_gradient(f, theta, h)


def put_back_on_a_copy(f, theta, h=1e-5):
    return put_back_in_place(f, theta.copy(), h)


def saved_and_restored(f, theta, h=1e-5):
    g = np.zeros_like(theta)
    for i in range(theta.size):
        before = theta[i]
        theta[i] = before + h
        up = f(theta)
        theta[i] = before - h
        down = f(theta)
        theta[i] = before
        g[i] = (up - down) / (2 * h)
    return g


def row_by_row(f, theta, h=1e-5):
    return [(f(theta + h * e) - f(theta - h * e)) / (2 * h) for e in np.eye(len(theta))]


# ---- 01.5 a residual block, backwards


def residual_backward(x, W, b, grad_h):
    t = np.tanh(x @ W + b)
    grad_a = grad_h * (1 - t**2)
    grad_x = grad_h + grad_a @ W.T
    grad_W = x.T @ grad_a
    grad_b = grad_a.sum(axis=0)
    return grad_x, grad_W, grad_b


def name_the_three(answer, x, W, b, grad_h):
    grad_x, grad_W, grad_b = answer(x, W, b, grad_h)
    return {"grad_x": np.array(grad_x), "grad_W": np.array(grad_W), "grad_b": np.array(grad_b)}


def blocks(rng):
    def case(label, B, n, bias=1.0, dtype=np.float64, **more):
        draws = {"x": (B, n), "W": (n, n), "b": (n,), "grad_h": (B, n)}
        arrays = {name: rng.normal(size=shape).astype(dtype) for name, shape in draws.items()}
        arrays["b"] *= dtype(bias)
        return {"label": label, **arrays, **more}

    return [
        case("one image, one unit, no bias", 1, 1, bias=0.0),
        case("one image, three units", 1, 3),
        case("four images, three units", 4, 3),
        case("four images, three units, in float32", 4, 3, dtype=np.float32, rtol=1e-4),
    ]


def without_the_shortcut(x, W, b, grad_h):
    _, grad_W, grad_b = residual_backward(x, W, b, grad_h)
    return residual_backward(x, W, b, grad_h)[0] - grad_h, grad_W, grad_b


def without_the_slope(x, W, b, grad_h):
    return grad_h + grad_h @ W.T, x.T @ grad_h, grad_h.sum(axis=0)


def slope_of_the_block(x, W, b, grad_h):
    h = x + np.tanh(x @ W + b)
    grad_a = grad_h * (1 - h**2)
    return grad_h + grad_a @ W.T, x.T @ grad_a, grad_a.sum(axis=0)


def slope_of_the_input(x, W, b, grad_h):
    a = x @ W + b
    grad_a = grad_h * (1 - a**2)
    return grad_h + grad_a @ W.T, x.T @ grad_a, grad_a.sum(axis=0)


def slope_without_the_square(x, W, b, grad_h):
    grad_a = grad_h * (1 - np.tanh(x @ W + b))
    return grad_h + grad_a @ W.T, x.T @ grad_a, grad_a.sum(axis=0)


def averaged(x, W, b, grad_h):
    grad_x, grad_W, grad_b = residual_backward(x, W, b, grad_h)
    return grad_x, grad_W / len(x), grad_b / len(x)


def averaged_bias(x, W, b, grad_h):
    grad_x, grad_W, grad_b = residual_backward(x, W, b, grad_h)
    return grad_x, grad_W, grad_b / len(x)


def turned_weights(x, W, b, grad_h):
    grad_x, grad_W, grad_b = residual_backward(x, W, b, grad_h)
    return grad_x, grad_W.T, grad_b


def through_unturned_weights(x, W, b, grad_h):
    grad_a = grad_h * (1 - np.tanh(x @ W + b) ** 2)
    return grad_h + grad_a @ W, x.T @ grad_a, grad_a.sum(axis=0)


def one_bias_a_row(x, W, b, grad_h):
    grad_x, grad_W, _ = residual_backward(x, W, b, grad_h)
    return grad_x, grad_W, grad_h * (1 - np.tanh(x @ W + b) ** 2)


def one_for_the_shortcut(x, W, b, grad_h):
    grad_x, grad_W, grad_b = residual_backward(x, W, b, grad_h)
    return grad_x - grad_h + 1, grad_W, grad_b


def x_for_the_shortcut(x, W, b, grad_h):
    grad_x, grad_W, grad_b = residual_backward(x, W, b, grad_h)
    return grad_x - grad_h + x, grad_W, grad_b


def both_ways_through_the_weights(x, W, b, grad_h):
    grad_x, grad_W, grad_b = residual_backward(x, W, b, grad_h)
    return grad_x - grad_h + grad_h @ W.T, grad_W, grad_b


def bias_summed_over_the_units(x, W, b, grad_h):
    grad_x, grad_W, _ = residual_backward(x, W, b, grad_h)
    return grad_x, grad_W, (grad_h * (1 - np.tanh(x @ W + b) ** 2)).sum(axis=1)


def bias_in_a_number(x, W, b, grad_h):
    grad_x, grad_W, grad_b = residual_backward(x, W, b, grad_h)
    return grad_x, grad_W, grad_b.sum()


def in_another_order(x, W, b, grad_h):
    grad_x, grad_W, grad_b = residual_backward(x, W, b, grad_h)
    return grad_W, grad_b, grad_x


def overwritten(x, W, b, grad_h):
    grad_h *= 1 - np.tanh(x @ W + b) ** 2
    return grad_h + grad_h @ W.T, x.T @ grad_h, grad_h.sum(axis=0)


def image_by_image(x, W, b, grad_h):
    grad_x, grad_W, grad_b = np.zeros_like(x), np.zeros_like(W), np.zeros_like(b)
    for i in range(len(x)):
        slope = 1 - np.tanh(x[i] @ W + b) ** 2
        for j in range(len(b)):
            da = grad_h[i, j] * slope[j]
            grad_W[:, j] += x[i] * da
            grad_b[j] += da
            grad_x[i] += W[:, j] * da
        grad_x[i] += grad_h[i]
    return grad_x, grad_W, grad_b


def by_cosh_and_einsum(x, W, b, grad_h):
    grad_a = grad_h / np.cosh(x @ W + b) ** 2
    return (
        grad_h + np.einsum("bj,ij->bi", grad_a, W),
        np.einsum("bi,bj->ij", x, grad_a),
        np.einsum("bj->j", grad_a),
    )


def in_double_precision(x, W, b, grad_h):
    return list(residual_backward(*(array.astype(np.float64) for array in (x, W, b, grad_h))))


TASKS = [
    Task(
        id="01.1",
        title="Will it come home?",
        kind="predict",
        minutes=5,
        points=2,
        difficulty="easy",
        name="diverges",
        done=(
            "For every learning rate and every list of curvatures it says rightly whether the error grows beyond "
            "all bounds."
        ),
        reference=diverges,
        cases=bowls_and_others,
        run=ask_each_rate,
        mistakes=[
            Mistake(
                diverges_when_it_overshoots,
                "Above 1/L a step jumps across the valley. How far may it jump and still land lower than before?",
            ),
            Mistake(
                diverges_by_the_sum,
                "You added all curvatures. The eigendirections do not talk to each other: which single one "
                "breaks first?",
            ),
            Mistake(
                diverges_by_the_mean,
                "You took the mean curvature. The eigendirections do not talk to each other: which single one "
                "breaks first?",
            ),
            Mistake(
                diverges_by_the_largest,
                "Right for bowls. But try a negative curvature: what is 1 - lr * curvature then, however small lr is?",
            ),
            Mistake(
                diverges_by_the_largest_size,
                "You took curvatures by their size. Is a hilltop of curvature -1 as safe to step on as a bowl of "
                "curvature 1?",
            ),
            Mistake(
                diverges_when_flat,
                "In a flat direction the factor is exactly 1. Does an error that is multiplied by 1 grow?",
            ),
            Mistake(
                diverges_in_all_directions,
                "You wait until every direction grows. How many growing directions does it take to be lost?",
            ),
            Mistake(
                diverges_by_factor,
                "A factor of -1.1 is smaller than 1, and yet each jump lands further out. What about its sign?",
            ),
            Mistake(
                diverges_by_the_product,
                "You multiplied the factors of all directions. Does it help a growing direction that others shrink?",
            ),
            Mistake(
                diverges_above_the_best,
                "2/(L + mu) is the fastest rate. The cliff stands a little further out.",
            ),
            Mistake(
                diverges_for_each_direction,
                "You return one truth value for each direction. Which is needed: that any of them holds, or that "
                "all do?",
            ),
            Mistake(
                diverges_when_large_after_a_while,
                "You run it and wait until the error is large. Along a slightly negative curvature that takes longer "
                "than you wait. What does the factor of a single step say?",
            ),
        ],
        right=[diverges_in_a_loop, diverges_by_both_ends, diverges_when_run],
        hints=[
            "One step multiplies the error in an eigendirection by 1 - lr * curvature. When does repeating that grow?",
            "The run is lost as soon as one direction grows, in whichever of its two ways: jumping across, or "
            "sliding off.",
            "Compute all factors at once, take their sizes, and look at the largest.",
        ],
    ),
    Task(
        id="01.2",
        title="The best step along the slope",
        kind="derive",
        minutes=8,
        points=2,
        difficulty="easy",
        name="best_step",
        done=(
            "On every quadratic, and every gradient along which it curves up, it returns the learning rate with "
            "the lowest loss."
        ),
        reference=best_step,
        cases=gradients_on_bowls,
        run=call_with_gradient,
        mistakes=[
            Mistake(
                step_where_gain_equals_cost,
                "There the cost has eaten up the whole gain: the loss is as high as before the step. Where is it "
                "lowest?",
            ),
            Mistake(
                step_with_the_length,
                "Multiply the loss by ten: g and H grow tenfold, and the best step must shrink tenfold. Yours "
                "shrinks more.",
            ),
            Mistake(
                step_upside_down,
                "That is the curvature along the gradient. Should a strongly curved loss get a larger step?",
            ),
            Mistake(
                step_for_the_steepest,
                "That step is safe in every direction. Here only one direction is walked, and its curvature may "
                "be smaller.",
            ),
            Mistake(
                step_for_the_shortest_gradient,
                "That step makes the next gradient as short as possible. The question is for the lowest loss.",
            ),
            Mistake(
                step_with_the_diagonal,
                "You used the diagonal of H only. On a turned bowl the other entries count: g @ H @ g has all of them.",
            ),
            Mistake(
                step_for_a_unit_gradient,
                "That is right for a gradient of length 1. With a longer one, the gain grows as well: by what?",
            ),
            Mistake(
                step_without_brackets,
                "Python works from left to right: a / b @ c is (a / b) @ c. Put the divisor into brackets.",
            ),
            Mistake(
                step_of_newton,
                "That is a vector: Newton's step, which lesson 13 is about. Here one number is asked for, along -g.",
            ),
            Mistake(
                step_for_many_steps,
                "2/(L + mu) is the best rate for many steps from anywhere. Here you take one step, and you know g: "
                "how strongly does the loss curve along it?",
            ),
            Mistake(
                step_cut_in_half,
                "Half of it. Differentiate eta**2 / 2 once more: where does the two go?",
            ),
            Mistake(
                step_entry_by_entry,
                "`g * g` is a vector, one entry a parameter. One learning rate is asked for: which product of two "
                "vectors is a number?",
            ),
            Mistake(
                step_by_stars,
                "`*` multiplies entry by entry and leaves a matrix. Which sign is the product of matrices and vectors?",
            ),
        ],
        right=[step_along_a_unit_vector, step_in_loops, step_by_einsum],
        hints=[
            "Write the loss at theta - eta * g with Taylor's formula up to the square of eta: it is a parabola in eta.",
            "Where is the derivative of -eta * a + eta**2 / 2 * c zero?",
            "a is the squared length of g, and c is g @ H @ g.",
        ],
    ),
    Task(
        id="01.3",
        title="The largest rate that is safe",
        kind="implement",
        minutes=12,
        points=3,
        difficulty="medium",
        name="largest_safe_lr",
        done="Within 1 % of 2/L on three quadratics whose curvatures you are not told.",
        reference=largest_safe_lr,
        cases=unknown_bowls,
        run=with_a_gradient,
        rtol=0.01,
        mistakes=[
            Mistake(
                safe_lr_without_overshoot,
                "That is the largest rate that does not overshoot. How far may it overshoot and still come home?",
            ),
            Mistake(
                safe_lr_is_the_curvature,
                "That is the largest curvature itself. Which learning rate is still safe there?",
            ),
            Mistake(safe_lr_by_the_trace, "You added all curvatures. Which single one breaks first?"),
            Mistake(safe_lr_from_zero, "A zero vector has no direction to grow in. Start from another one."),
            Mistake(
                safe_lr_around_the_origin,
                "`gradient(v)` is the Hessian times v only if the minimum lies at the origin. What is left when "
                "you subtract "
                "`gradient(theta)`?",
            ),
            Mistake(
                safe_lr_from_one_look,
                "You looked along one direction once. Applied again and again, the Hessian turns v towards which "
                "direction?",
            ),
            Mistake(
                safe_lr_by_the_length_of_the_gradient,
                "The length of the gradient tells how far from the minimum you are, not how the loss curves. "
                "Curvature is how "
                "the gradient *changes* from one point to another.",
            ),
            Mistake(
                safe_lr_along_the_gradient,
                "You measured the curvature along the gradient. The steepest direction may be another one: how "
                "do you turn "
                "towards it?",
            ),
            Mistake(
                safe_lr_by_two_lengths,
                "Length of theta by length of the gradient: that is right only if the minimum lies at the origin and "
                "theta in the steepest direction.",
            ),
            Mistake(
                safe_lr_seen_from_the_origin,
                "You watch the distance from the origin, and a run that comes home may end farther from it. What "
                "becomes small near the minimum, wherever it lies?",
            ),
            Mistake(
                safe_lr_by_halving,
                "Halving finds the rate to a factor of two. The edge lies between your last bad rate and the good one.",
            ),
            Mistake(
                safe_lr_without_shortening,
                "Your vector grows by the curvature in every round, and you return its length after all of them. "
                "Shorten it "
                "to length 1 in each round.",
            ),
            Mistake(
                safe_lr_of_the_smallest,
                "That is the smallest curvature. With this rate the steepest direction is gone long before.",
            ),
        ],
        right=[safe_lr_from_the_whole_matrix, safe_lr_by_rayleigh, safe_lr_in_float32, safe_lr_by_running],
        hints=[
            "The gradient of a quadratic is linear in theta. What is the difference of two gradients?",
            "What does applying a matrix again and again do to a vector?",
            "`gradient(theta + v) - gradient(theta)` is the Hessian times `v`. Repeat that, with `v` brought "
            "back to length 1 "
            "each time: the length before you shorten it tends to the largest curvature.",
        ],
    ),
    Task(
        id="01.4",
        title="A check that finds every gradient wrong",
        kind="find_the_bug",
        minutes=10,
        points=3,
        difficulty="medium",
        name="numerical_gradient",
        done="The central difference in every coordinate, and `theta` as it was before, to the last bit.",
        reference=numerical_gradient,
        cases=losses,
        run=with_a_loss,
        rtol=1e-7,
        atol=1e-9,
        mistakes=[
            Mistake(
                still_one_sided,
                "Every entry is still half of the slope. At which two points is the loss taken, and how far "
                "apart are they?",
            ),
            Mistake(
                divided_by_h,
                "No longer half, but now one-sided: its error falls with h, not with h squared. The other point "
                "belongs on "
                "the other side of theta.",
            ),
            Mistake(
                never_put_back,
                "The first entry is right. When the second is computed, the first coordinate stands at theta - h.",
            ),
            Mistake(
                never_put_back_in_place,
                "The first entry is right, but theta stays at theta - h: the second entry is taken elsewhere, "
                "and the caller "
                "gets a theta that has moved.",
            ),
            Mistake(
                divided_by_h_in_place,
                "The factor is mended, the points are not: `down` is still the loss at theta itself. A one-sided "
                "difference "
                "errs by a multiple of h, a central one of h squared.",
            ),
            Mistake(
                put_back_in_place,
                "The values are right, but `theta` comes back changed in its last digits: x + h - 2h + h is not "
                "always x in "
                "floating point. Work on a copy, or remember the old value.",
            ),
            Mistake(
                all_at_once,
                "You moved all coordinates together, which gives their slopes added up. Move one at a time.",
            ),
            Mistake(
                all_at_once_in_a_number,
                "`theta + h` moves all coordinates together and gives one number, their slopes added up. Move one at "
                "a time.",
            ),
            Mistake(
                multiplied_by_h,
                "`/ 2 * h` divides by 2 and then multiplies by h. What do brackets change?",
            ),
            Mistake(
                twice_too_large,
                "Both repairs at once: now every entry is twice the slope. Either the points or the divisor was "
                "wrong, not both.",
            ),
        ],
        right=[put_back_on_a_copy, saved_and_restored, row_by_row],
        hints=[
            "Follow one coordinate with a pencil: where does it stand when `up` is computed, and where for `down`?",
            "A central difference takes the loss at theta + h and at theta - h, in one coordinate at a time.",
            "Build `theta + step` and `theta - step` with a step that is zero in all other coordinates: nothing "
            "needs to be "
            "put back.",
        ],
    ),
    Task(
        id="01.5",
        title="A residual block, backwards",
        kind="implement",
        minutes=15,
        points=4,
        difficulty="hard",
        name="residual_backward",
        done="All three gradients agree with central differences, for any batch.",
        reference=residual_backward,
        cases=blocks,
        run=name_the_three,
        atol=1e-6,  # for the case in float32
        mistakes=[
            Mistake(
                without_the_shortcut,
                "grad_x lacks a part. x reaches h by two ways: through the layer, and straight.",
            ),
            Mistake(
                without_the_slope,
                "You went back through the weights but not through tanh: how much does it pass on when a changes?",
            ),
            Mistake(
                slope_of_the_block,
                "1 - h**2 is the slope of tanh only if h is its output. Here the output of tanh is h - x.",
            ),
            Mistake(
                slope_of_the_input,
                "1 - a**2 takes the input of tanh. Its slope is one minus the square of its output.",
            ),
            Mistake(
                slope_without_the_square,
                "The slope of tanh is one minus the *square* of its output.",
            ),
            Mistake(
                averaged,
                "You divide by the number of images. If the loss is a mean, that division is already in grad_h: "
                "here rows are "
                "summed.",
            ),
            Mistake(
                averaged_bias,
                "grad_W is right and grad_b is not: the bias touches every row, and the chain rule sums over the rows.",
            ),
            Mistake(
                turned_weights,
                "grad_W is transposed. Entry [k, j] belongs to the weight from input k to unit j: x comes first.",
            ),
            Mistake(
                through_unturned_weights,
                "On the way back each input collects from the units it feeds: that is row k of W, so W.T on the right.",
            ),
            Mistake(
                one_bias_a_row,
                "grad_b has one row for each image. There is only one b for all of them.",
            ),
            Mistake(
                one_for_the_shortcut,
                "On the straight way h changes as much as x does: what comes back is 1 times grad_h, not 1.",
            ),
            Mistake(
                x_for_the_shortcut,
                "On the straight way you added x, which is what went in. What comes back there?",
            ),
            Mistake(
                both_ways_through_the_weights,
                "In your grad_x both ways lead through W. Does the straight one?",
            ),
            Mistake(
                bias_summed_over_the_units,
                "For grad_b you summed over the units of each image. Which axis counts the images?",
            ),
            Mistake(
                bias_in_a_number,
                "For grad_b you added up everything. b has one entry for each unit: what is left to sum over?",
            ),
            Mistake(
                in_another_order,
                "These look like the right three in another order. Asked for: grad_x, grad_W, grad_b.",
            ),
            Mistake(
                overwritten,
                "`grad_h *= ...` writes into the caller's array, and the shortcut still needs the old grad_h. "
                "Give the "
                "product a name of its own.",
            ),
        ],
        right=[image_by_image, by_cosh_and_einsum, in_double_precision],
        hints=[
            "Give the inside a name, a = x @ W + b, and walk backwards: from h to tanh(a), from there to a, from "
            "a to x, W and b.",
            "The gradient by a is grad_h times the slope of tanh; for W and b the rest is the rule for a layer "
            "in the lesson.",
            "h = x + tanh(a): to what comes back through the layer, add what comes back straight.",
        ],
    ),
    Task(
        id="01.6",
        title="Is 0.5 the best learning rate?",
        kind="explain",
        minutes=10,
        points=3,
        difficulty="medium",
        done="Three short paragraphs, each with a reason.",
        hints=[
            "For each curve: is it still falling at the end, and how steeply? Is it smooth?",
            "The grid has three points. Which side of 0.5 does the best one lie on, and how would you find the cliff?",
            "One start, one length of training, one set of images, and the winner judged on the runs it was "
            "chosen from.",
        ],
        rubric=[
            "1 point: reads the curves. 0.05 is too low: still falling steadily at the end. 6 is at the edge: it "
            "jumps up and "
            "recovers. 0.5 falls smoothly and is still falling, so it shows no sign of being too high.",
            "1 point: names a next step with a reason: rates between 0.5 and 6 in equal ratios (1, 2, 4), or "
            "bisecting the "
            "cliff and stepping back by a factor of three or four.",
            "1 point: says what the claim lacks: several seeds with an interval, choosing and reporting on "
            "different seeds, "
            "held-out images, or that the best rate depends on the number of steps (any two).",
        ],
    ),
]
