"""Tasks of chapter 03: momentum."""

import numpy as np

from optlib.checks import Mistake, Task

# ---- 03.1 how far the ball travels


def travel(g, lr, beta, pushes):
    v = g * (1 - beta**pushes) / (1 - beta)
    coasted = lr * v * beta / (1 - beta)
    pushed = lr * g * pushes / (1 - beta) - coasted
    return pushed, coasted


def measure_both_parts(answer, g, lr, beta, pushes):
    both = answer(g, lr, beta, pushes)
    if np.shape(both) != (2,):
        raise ValueError("return two numbers, pushed and coasted")
    return {"pushed": float(both[0]), "coasted": float(both[1])}


def pushes_of_all_kinds(rng):
    def case(label, beta, pushes):
        return {"label": label, "g": rng.uniform(1, 5), "lr": rng.uniform(0.01, 0.5), "beta": beta, "pushes": pushes}

    return [
        case("no memory", 0.0, 5),
        case("one push", 0.5, 1),
        case("a few pushes", rng.uniform(0.6, 0.8), 4),
        case("many pushes", 0.9, int(rng.integers(20, 60))),
        case("a long memory", 0.99, int(rng.integers(20, 60))),
    ]


def travel_at_full_speed(g, lr, beta, pushes):
    return lr * g * pushes / (1 - beta), lr * g / (1 - beta) * beta / (1 - beta)


def travel_with_the_whole_way_first(g, lr, beta, pushes):
    return lr * g * pushes / (1 - beta), travel(g, lr, beta, pushes)[1]


def travel_with_one_step_too_many(g, lr, beta, pushes):
    v = g * (1 - beta**pushes) / (1 - beta)
    return travel(g, lr, beta, pushes)[0], lr * v / (1 - beta)


def travel_as_an_average(g, lr, beta, pushes):
    pushed, coasted = travel(g, lr, beta, pushes)
    return (1 - beta) * pushed, (1 - beta) * coasted


def travel_without_the_rate(g, lr, beta, pushes):
    pushed, coasted = travel(g, lr, beta, pushes)
    return pushed / lr, coasted / lr


def travel_by_the_last_step(g, lr, beta, pushes):
    v = g * (1 - beta**pushes) / (1 - beta)
    return lr * v, travel(g, lr, beta, pushes)[1]


def travel_by_late_steps(g, lr, beta, pushes):
    v = g * (1 - beta**pushes) / (1 - beta)
    return travel(g, lr, beta, pushes - 1)[0], lr * v / (1 - beta)


def travel_in_all(g, lr, beta, pushes):
    pushed, coasted = travel(g, lr, beta, pushes)
    return pushed, pushed + coasted


def travel_as_a_pair_of_sums(g, lr, beta, pushes):
    speeds = np.array([sum(beta**k for k in range(s)) for s in range(1, pushes + 1)])
    return lr * g * speeds.sum(), lr * g * speeds[-1] * beta / (1 - beta)


def travel_step_by_step(g, lr, beta, pushes):
    v, way = 0.0, 0.0
    for _ in range(pushes):
        v = beta * v + g
        way += lr * v
    pushed = way
    while beta * v > 1e-18 * g:
        v *= beta
        way += lr * v
    return np.array([pushed, way - pushed])


def travel_in_closed_form(g, lr, beta, pushes):
    left = 1 - beta**pushes
    return lr * g / (1 - beta) * (pushes - beta * left / (1 - beta)), lr * g * beta * left / (1 - beta) ** 2


# ---- 03.2 the rule


def rule(theta, g, v, *, t, lr, momentum):
    v[:] = momentum * v + g
    theta[:] = theta - lr * v


def step_by_step(answer, theta, v, gradients, lrs, momentum):
    theta, v = theta.copy(), v.copy()
    thetas, vs = [], []
    for i, g in enumerate(gradients):
        answer(theta, g, v, t=i + 5, lr=float(lrs[i]), momentum=momentum)
        thetas.append(theta.copy())
        vs.append(v.copy())
    return {"theta": np.array(thetas), "v": np.array(vs)}


def states_and_gradients(rng):
    theta, v, gradients = rng.normal(size=4), rng.normal(size=4), rng.normal(size=(6, 4))

    def case(label, steps, v, lrs, momentum):
        lrs = np.broadcast_to(lrs, steps).copy()
        return {
            "label": label,
            "theta": theta,
            "v": v,
            "gradients": gradients[:steps],
            "lrs": lrs,
            "momentum": momentum,
        }

    lr = rng.uniform(0.05, 0.3)
    return [
        case("one step from rest, momentum 0", 1, np.zeros(4), lr, 0.0),
        case("one step from rest", 1, np.zeros(4), lr, 0.9),
        case("one step from a warm state", 1, v, lr, 0.9),
        case("six steps from a warm state", 6, v, lr, rng.uniform(0.4, 0.8)),
        case("six steps, the rate drops after three", 6, v, lr * np.array([1, 1, 1, 0.1, 0.1, 0.1]), 0.9),
    ]


def rule_as_an_average(theta, g, v, *, t, lr, momentum):
    v[:] = momentum * v + (1 - momentum) * g
    theta[:] = theta - lr * v


def rule_that_steps_first(theta, g, v, *, t, lr, momentum):
    theta[:] = theta - lr * v
    v[:] = momentum * v + g


def rule_with_the_rate_inside(theta, g, v, *, t, lr, momentum):
    v[:] = momentum * v + lr * g
    theta[:] = theta - v


def rule_with_the_rate_inside_downhill(theta, g, v, *, t, lr, momentum):
    v[:] = momentum * v - lr * g
    theta[:] = theta + v


def rule_with_new_names(theta, g, v, *, t, lr, momentum):
    v = momentum * v + g
    theta = theta - lr * v


def rule_with_a_new_velocity(theta, g, v, *, t, lr, momentum):
    v = momentum * v + g
    theta[:] = theta - lr * v


def rule_uphill(theta, g, v, *, t, lr, momentum):
    v[:] = momentum * v + g
    theta[:] = theta + lr * v


def rule_without_friction(theta, g, v, *, t, lr, momentum):
    v[:] = v + g
    theta[:] = theta - lr * v


def rule_with_friction_on_all(theta, g, v, *, t, lr, momentum):
    v[:] = momentum * (v + g)
    theta[:] = theta - lr * v


def rule_of_nesterov(theta, g, v, *, t, lr, momentum):
    v[:] = momentum * v + g
    theta[:] = theta - lr * (g + momentum * v)


def rule_in_place(theta, g, v, *, t, lr, momentum):
    v *= momentum
    v += g
    theta -= lr * v


def rule_in_a_loop(theta, g, v, *, t, lr, momentum):
    for i in range(len(theta)):
        v[i] = momentum * v[i] + g[i]
        theta[i] -= lr * v[i]


def rule_by_two_parts(theta, g, v, *, t, lr, momentum):
    theta[...] = theta - lr * g - lr * momentum * v
    np.add(momentum * v, g, out=v)


# ---- 03.3 the cliff with momentum


def diverges(lr, L, beta):
    return lr * L > 2 * (1 + beta)


def ask_each_row(answer, lrs, L, betas):
    return np.array([bool(answer(float(lr), float(L), float(beta))) for lr, beta in zip(lrs, betas, strict=True)])


def rates_on_both_sides(rng):
    def case(label, L, betas):
        betas = np.repeat(betas, 8)
        factors = np.array([0.02, 0.3, rng.uniform(0.55, 0.7), 0.8, 0.97, 1.03, rng.uniform(1.1, 2), 40.0])
        lrs = np.tile(factors, len(betas) // 8) * 2 * (1 + betas) / L
        order = rng.permutation(len(betas))
        return {"label": label, "lrs": lrs[order], "L": L, "betas": betas[order]}

    return [
        case("no memory", 1.0, [0.0]),
        case("no memory, another curvature", rng.uniform(3, 9), [0.0]),
        case("some memory", 1.0, [rng.uniform(0.2, 0.6)]),
        case("much memory", 1.0, [0.9, 0.97]),
        case("every kind of memory, another curvature", rng.uniform(3, 9), [0.1, 0.4, 0.7, 0.9, 0.99]),
    ]


def diverges_without_memory(lr, L, beta):
    return lr * L > 2


def diverges_by_the_effective_rate(lr, L, beta):
    return lr / (1 - beta) * L > 2


def diverges_by_the_overshoot(lr, L, beta):
    return lr * L > 1 + beta


def diverges_at_the_end_of_the_ripples(lr, L, beta):
    return lr * L > (1 + np.sqrt(beta)) ** 2


def diverges_like_nesterov(lr, L, beta):
    return lr * L > 2 * (1 + beta) / (1 + 2 * beta)


def diverges_upside_down(lr, L, beta):
    return lr > 2 * (1 + beta) * L


def diverges_at_four(lr, L, beta):
    return lr * L > 4


def diverges_by_division(lr, L, beta):
    return lr * L > 2 / (1 + beta)


def comes_home(lr, L, beta):
    return lr * L < 2 * (1 + beta)


def diverges_by_the_roots(lr, L, beta):
    return np.abs(np.roots([1, -(1 + beta - lr * L), beta])).max() > 1


def diverges_by_the_matrix(lr, L, beta):
    matrix = np.array([[1 + beta - lr * L, -beta], [1, 0]])
    return bool(max(abs(np.linalg.eigvals(matrix))) > 1)


def diverges_when_run(lr, L, beta):
    theta, v = 1.0, 0.0
    for _ in range(3000):
        v = beta * v + L * theta
        theta -= lr * v
        if abs(theta) > 1e6:
            return True
    return False


# ---- 03.4 a Nesterov that looks ahead twice


def nesterov(gradient, theta, lr, beta, steps):
    v = np.zeros_like(theta)
    for _ in range(steps):
        g = gradient(theta)
        v = beta * v + g
        theta = theta - lr * (g + beta * v)
    return theta


def note_where_it_asks(answer, H, optimum, theta, lr, beta, steps):
    asked = []

    def gradient(at):
        asked.append(np.array(at, dtype=float))
        away = at - optimum
        return H @ away + np.sin(away)

    answer(gradient, theta.copy(), lr, beta, steps)
    return np.array(asked)


def slopes_to_follow(rng):
    A = rng.normal(size=(3, 3))
    turned = {"H": A @ A.T / 3 + np.eye(3), "optimum": rng.normal(size=3), "theta": rng.normal(size=3)}
    line = {"H": np.array([[1.5]]), "optimum": np.zeros(1), "theta": rng.normal(size=1) + 2}
    lr = rng.uniform(0.03, 0.1)
    return [
        {"label": "one step", **line, "lr": lr, "beta": 0.9, "steps": 1},
        {"label": "no memory, four steps", **line, "lr": lr, "beta": 0.0, "steps": 4},
        {"label": "two steps", **line, "lr": lr, "beta": 0.9, "steps": 2},
        {"label": "six steps in three dimensions", **turned, "lr": lr, "beta": rng.uniform(0.6, 0.9), "steps": 6},
        {"label": "forty steps", **turned, "lr": lr, "beta": 0.95, "steps": 40},
    ]


def looks_ahead_twice(gradient, theta, lr, beta, steps):
    v = np.zeros_like(theta)
    for _ in range(steps):
        g = gradient(theta - lr * beta * v)
        v = beta * v + g
        theta = theta - lr * (g + beta * v)
    return theta


def looks_nowhere(gradient, theta, lr, beta, steps):
    v = np.zeros_like(theta)
    for _ in range(steps):
        v = beta * v + gradient(theta)
        theta = theta - lr * v
    return theta


def looks_back(gradient, theta, lr, beta, steps):
    v = np.zeros_like(theta)
    for _ in range(steps):
        v = beta * v + gradient(theta + lr * beta * v)
        theta = theta - lr * v
    return theta


def looks_too_far(gradient, theta, lr, beta, steps):
    v = np.zeros_like(theta)
    for _ in range(steps):
        v = beta * v + gradient(theta - lr * v)
        theta = theta - lr * v
    return theta


def looks_without_the_rate(gradient, theta, lr, beta, steps):
    v = np.zeros_like(theta)
    for _ in range(steps):
        v = beta * v + gradient(theta - beta * v)
        theta = theta - lr * v
    return theta


def steps_along_the_velocity_twice(gradient, theta, lr, beta, steps):
    v = np.zeros_like(theta)
    for _ in range(steps):
        v = beta * v + gradient(theta)
        theta = theta - lr * (v + beta * v)
    return theta


def asks_twice(gradient, theta, lr, beta, steps):
    v = np.zeros_like(theta)
    for _ in range(steps):
        v = beta * v + gradient(theta)
        theta = theta - lr * (gradient(theta) + beta * v)
    return theta


def ahead_of_its_position(gradient, theta, lr, beta, steps):
    v = np.zeros_like(theta)
    for _ in range(steps):
        v = beta * v + gradient(theta - lr * beta * v)
        theta = theta - lr * v
    return theta


def as_in_the_textbook(gradient, theta, lr, beta, steps):
    x, u = theta, 0 * theta
    for _ in range(steps):
        u = beta * u - lr * gradient(x + beta * u)
        x = x + u
    return x


def with_the_last_two_points(gradient, theta, lr, beta, steps):
    x, before = theta.copy(), theta.copy()
    for _ in range(steps):
        y = x + beta * (x - before)
        before, x = x, y - lr * gradient(y)
    return x


# ---- 03.5 what is wrong with this run?


def diagnose(loss):
    third, last = loss[100:150].mean(), loss[150:].mean()
    if last > 1.5 * third:
        return "too high"
    if last > 0.3 * loss[0]:
        return "too low"
    slope = np.diff(loss[100:])
    turns = np.mean(slope[1:] * slope[:-1] < 0)
    return "noise floor" if turns > 0.3 else "stale momentum"


def name_each(answer, loss):
    return str(answer(loss.copy()))


def runs_gone_wrong(rng):
    # imported when cases are drawn: finding a task must not load the training loop
    from optlib import Momentum, minimize, problems

    def curve(problem, lr, momentum, steepest=1.0):
        theta = problem.init()
        theta[-1] = steepest
        opt = Momentum(lr=lr, momentum=momentum)
        loss = minimize(problem, opt, 200, int(rng.integers(2**31)), theta=theta, diverged_above=1e30).loss
        return loss * (1 + 0.003 * rng.standard_normal(len(loss)))  # every curve is read with a small error

    def bowl(low, high, noise=0.0):
        return problems.Quadratic(condition=rng.uniform(low, high), size=int(rng.integers(20, 40)), noise=noise)

    def leaving(momentum, beyond, steepest):
        return curve(bowl(5, 10), 2 * (1 + momentum) * beyond, momentum, steepest)

    def creeping(momentum):
        return curve(bowl(3, 30), rng.uniform(0.0003, 0.0015) * (1 - momentum), momentum)

    def hovering(momentum):
        return curve(bowl(2, 4, rng.uniform(0.08, 0.15)), rng.uniform(0.6, 0.9), momentum)

    def swinging(momentum):
        return curve(bowl(1.5, 2.5), rng.uniform(0.008, 0.02), momentum)

    curves = [
        leaving(0.0, rng.uniform(1.008, 1.025), 1.0),
        leaving(0.0, rng.uniform(1.012, 1.016), 1e-3),  # falls first, and has not come back to its start
        leaving(0.5, rng.uniform(1.006, 1.012), 1e-2),
        creeping(0.0),
        creeping(0.9),
        hovering(0.0),
        hovering(0.3),
        swinging(0.97),
        swinging(0.98),
        swinging(0.99),
    ]
    return [{"label": f"curve {i + 1}", "loss": curves[k]} for i, k in enumerate(rng.permutation(len(curves)))]


def diagnose_by_any_rise(loss):
    if np.any(np.diff(loss) > 0):
        return "too high"
    return "too low"


def diagnose_by_the_ends(loss):
    if loss[-1] > loss[0]:
        return "too high"
    return diagnose(loss) if diagnose(loss) != "too high" else "noise floor"


def diagnose_by_the_ends_alone(loss):
    if loss[-1] > loss[0]:
        return "too high"
    return "too low" if loss[-1] > loss[0] / 2 else "noise floor"


def diagnose_without_waves(loss):
    found = diagnose(loss)
    return "noise floor" if found == "stale momentum" else found


def diagnose_waves_as_too_high(loss):
    found = diagnose(loss)
    return "too high" if found == "stale momentum" else found


def diagnose_noise_as_too_low(loss):
    found = diagnose(loss)
    return "too low" if found == "noise floor" else found


def diagnose_creeping_as_noise(loss):
    found = diagnose(loss)
    return "noise floor" if found == "too low" else found


def diagnose_by_roughness(loss):
    smooth = np.convolve(loss, np.ones(5) / 5, mode="valid")
    if smooth[-30:].mean() > 2 * smooth[100:130].mean():
        return "too high"
    if loss[-1] / loss[0] > 0.3:
        return "too low"
    rough = np.std(loss[102:-2] - smooth[100:])
    return "stale momentum" if np.std(smooth[100:]) > 2 * rough else "noise floor"


def diagnose_by_correlation(loss):
    stretches = np.array_split(loss, 5)
    low = [stretch.min() for stretch in stretches]
    if low[4] > 2 * low[3] and stretches[4].max() > 2 * stretches[3].max():
        return "too high"
    if low[4] > loss[0] / 4:
        return "too low"
    late = loss[100:] - np.convolve(loss, np.ones(61) / 61, mode="same")[100:]
    late = late[:60]
    return "stale momentum" if late[1:] @ late[:-1] > 0.75 * (late @ late) else "noise floor"


TASKS = [
    Task(
        id="03.1",
        title="How far does it travel?",
        kind="derive",
        minutes=8,
        points=2,
        difficulty="easy",
        name="travel",
        done="Both distances are right for any push, rate, momentum and number of pushes.",
        reference=travel,
        cases=pushes_of_all_kinds,
        run=measure_both_parts,
        mistakes=[
            Mistake(
                travel_at_full_speed,
                "You let the ball have its final speed g / (1 - beta) from the first push on. It starts from rest: how "
                "fast is it after the first push?",
            ),
            Mistake(
                travel_with_the_whole_way_first,
                "Your first number is the whole way, coasting included: in the end each push moves the ball by "
                "lr * g / (1 - beta). How much of that comes after the last push?",
            ),
            Mistake(
                travel_with_one_step_too_many,
                "The first distance is right. The second counts the step of the last push again: in the first step "
                "without a push the velocity has already been multiplied by beta.",
            ),
            Mistake(
                travel_as_an_average,
                "Everything is too small by the factor 1 - beta. That is the ball that averages its gradients; here "
                "each one enters whole.",
            ),
            Mistake(
                travel_without_the_rate,
                "You added up velocities. A step is the learning rate times the velocity.",
            ),
            Mistake(
                travel_by_the_last_step,
                "The first distance is that of the last push alone. Add up the steps of all pushes.",
            ),
            Mistake(
                travel_by_late_steps,
                "You step with the velocity from before the push. v is updated before theta, so the first push already "
                "moves the ball, and the last one does not wait for the coasting.",
            ),
            Mistake(
                travel_in_all,
                "Your second number is the whole way. Asked is only the part after the pushes.",
            ),
        ],
        right=[travel_as_a_pair_of_sums, travel_step_by_step, travel_in_closed_form],
        hints=[
            "After s pushes the velocity is g (1 + beta + ... + beta^(s-1)). Which closed form has a geometric sum?",
            "After the pushes the velocity is multiplied by beta in each step, and nothing is added: one more "
            "geometric sum gives the second distance.",
            "For the whole way, follow one push: it moves the ball by lr * g, then by lr * g * beta, and so on for "
            "ever, lr * g / (1 - beta) in all. There are so many of them; subtract the second distance.",
        ],
    ),
    Task(
        id="03.2",
        title="Write the rule",
        kind="implement",
        minutes=8,
        points=3,
        difficulty="easy",
        name="rule",
        keep="Momentum",
        done="Six steps from any state agree with the heavy ball, also when the learning rate drops on the way.",
        reference=rule,
        cases=states_and_gradients,
        run=step_by_step,
        mistakes=[
            Mistake(
                rule_as_an_average,
                "You average the gradients. Here the velocity is their sum: the new gradient enters whole.",
            ),
            Mistake(
                rule_that_steps_first,
                "The step uses the velocity from before this gradient. Update v first, then step.",
            ),
            Mistake(
                rule_with_the_rate_inside,
                "You put the learning rate into the velocity. From rest and at a constant rate nobody could tell, but "
                "old gradients keep the rate they came in with.",
            ),
            Mistake(
                rule_with_the_rate_inside_downhill,
                "That is the form of keras, with the learning rate and the minus sign inside the velocity. The v that "
                "you are given is a plain sum of gradients.",
            ),
            Mistake(
                rule_with_new_names,
                "Nothing has changed for the caller: `v = ...` gives your own name a new array. Write into the arrays "
                "that you were given, with v[:] = ... and theta[:] = ...",
            ),
            Mistake(
                rule_with_a_new_velocity,
                "theta moves, but v is forgotten: `v = ...` gives your own name a new array, and the caller's stays as "
                "it was.",
            ),
            Mistake(rule_uphill, "Which way is down? You walk along the velocity, up the hill."),
            Mistake(
                rule_without_friction,
                "Nothing fades: without the factor on the old velocity every gradient pushes for ever.",
            ),
            Mistake(
                rule_with_friction_on_all,
                "You multiplied the new gradient as well. Friction slows the velocity that is there already.",
            ),
            Mistake(
                rule_of_nesterov,
                "That is Nesterov's step. The heavy ball moves along v itself.",
            ),
        ],
        right=[rule_in_place, rule_in_a_loop, rule_by_two_parts],
        hints=[
            "Two lines: one for v, one for theta. Which of the two does the gradient enter?",
            "v becomes momentum times itself plus g; then theta goes lr times the new v downhill.",
            "An assignment to a bare name changes nothing outside the function. Assign to v[:] and theta[:].",
        ],
    ),
    Task(
        id="03.3",
        title="Will the ball come home?",
        kind="predict",
        minutes=5,
        points=2,
        difficulty="medium",
        name="diverges",
        done="Right on both sides of the cliff, for every momentum and every curvature.",
        reference=diverges,
        cases=rates_on_both_sides,
        run=ask_each_row,
        mistakes=[
            Mistake(
                diverges_without_memory,
                "That is the cliff of gradient descent. Which way does momentum move it?",
            ),
            Mistake(
                diverges_by_the_effective_rate,
                "You used the effective rate lr / (1 - beta). It holds where gradients agree. At the cliff, what do "
                "the gradients do from one step to the next?",
            ),
            Mistake(
                diverges_by_the_overshoot,
                "That is half of the cliff. An eigenvalue may be negative and still shrink: how far down may it go?",
            ),
            Mistake(
                diverges_at_the_end_of_the_ripples,
                "There the ripples end and the ball begins to jump. Do jumps have to grow?",
            ),
            Mistake(diverges_like_nesterov, "That is Nesterov's cliff. The heavy ball's lies farther out."),
            Mistake(
                diverges_upside_down,
                "You multiply by L where you should divide. Does a steeper bowl allow a larger rate?",
            ),
            Mistake(
                diverges_by_division,
                "You divide by 1 + beta. Memory moves the cliff outwards, not inwards.",
            ),
            Mistake(diverges_at_four, "4 / L would be the cliff for a momentum of 1. What is left of it for yours?"),
            Mistake(comes_home, "Just the other way round: True should mean that it diverges."),
        ],
        right=[diverges_by_the_roots, diverges_by_the_matrix, diverges_when_run],
        hints=[
            "One step multiplies (theta now, theta before) by a 2 by 2 matrix. When do its powers grow?",
            "At the cliff one eigenvalue is -1. Put r = -1 into r**2 - (1 + beta - lr * L) * r + beta = 0.",
            "You may also let NumPy find both roots, and compare the larger one in size with 1.",
        ],
    ),
    Task(
        id="03.4",
        title="A Nesterov that explodes",
        kind="find_the_bug",
        minutes=10,
        points=3,
        difficulty="medium",
        name="nesterov",
        done="It asks for the gradient at the same points as the lesson's method, once a step.",
        reference=nesterov,
        cases=slopes_to_follow,
        run=note_where_it_asks,
        mistakes=[
            Mistake(
                looks_ahead_twice,
                "Unchanged in effect: it still looks ahead twice. One of the two lines with beta already does what "
                "the other one does again.",
            ),
            Mistake(
                looks_nowhere,
                "Now nothing looks ahead: this is the heavy ball. (So is a step along g + beta * v with the v of "
                "before: that sum is the new v.)",
            ),
            Mistake(
                looks_back,
                "v is a sum of gradients and points uphill. The place where the ball is about to be lies at theta "
                "minus something.",
            ),
            Mistake(
                looks_too_far,
                "In the next step the velocity counts only beta times. How far will it carry you, then?",
            ),
            Mistake(
                looks_without_the_rate,
                "v is a sum of gradients, not a step. What turns it into one?",
            ),
            Mistake(
                steps_along_the_velocity_twice,
                "You step along v and along beta * v. In the proof, what stands beside beta * v?",
            ),
            Mistake(
                asks_twice,
                "The points are right, but you ask at each of them twice. Gradients are what training costs.",
            ),
        ],
        right=[ahead_of_its_position, as_in_the_textbook, with_the_last_two_points],
        hints=[
            "Which variable is theta here: the position of the ball, or the look-ahead point? Read both lines with "
            "beta, one after the other.",
            "If theta is the look-ahead point, the gradient is taken at theta. If theta is the position, the step is "
            "lr * v.",
            "The lesson's proof turns one into the other. The buggy code uses the gradient of one and the step of the "
            "other; choose one of them and keep to it.",
        ],
    ),
    Task(
        id="03.5",
        title="What is wrong with this run?",
        kind="diagnose",
        minutes=15,
        points=4,
        difficulty="hard",
        name="diagnose",
        done="Ten fresh curves, all named rightly.",
        reference=diagnose,
        cases=runs_gone_wrong,
        run=name_each,
        mistakes=[
            Mistake(
                diagnose_by_any_rise,
                "Noise goes up at every second step and waves go up half of the time. Do not compare neighbours: "
                "compare long stretches of the run.",
            ),
            Mistake(
                diagnose_by_the_ends,
                "A run can fall first and then explode, and not yet be back at its start. Is it growing at the end?",
            ),
            Mistake(
                diagnose_by_the_ends_alone,
                "The first and the last loss do not tell enough: one of these runs explodes and is not back at its "
                "start yet, and you never say stale momentum. Look at what happens in between.",
            ),
            Mistake(
                diagnose_without_waves,
                "You call waves noise. Both go up and down: which of the two does so smoothly, over many steps?",
            ),
            Mistake(
                diagnose_waves_as_too_high,
                "You call waves too high. A wave comes down again, and each crest is lower than the last.",
            ),
            Mistake(
                diagnose_noise_as_too_low,
                "You call noise too low. That run has fallen far and does not fall any more; a larger rate would lift "
                "it.",
            ),
            Mistake(
                diagnose_creeping_as_noise,
                "You call creeping noise. How much of its start has that loss left at the end?",
            ),
        ],
        right=[diagnose_by_roughness, diagnose_by_correlation],
        hints=[
            "Compare the means of stretches of 50 steps. Which of the four grows at the end? Which is still high?",
            "Two are left that have fallen and go up and down. Look at the signs of np.diff(loss): how often do they "
            "change in a wave, and how often in noise?",
            "Ask in this order. Is the mean of the last 50 steps well above that of the 50 before? Is it above a third "
            "of the start? Does the sign of the difference change in more than a third of the steps?",
        ],
    ),
    Task(
        id="03.6",
        title="Momentum does nothing",
        kind="explain",
        minutes=10,
        points=4,
        difficulty="hard",
        done="Three short paragraphs, each with a reason and, where there is one, a formula.",
        hints=[
            "What is the effective learning rate of each of the three runs?",
            "What forbids a larger step here: the steepest curvature, or the noise of 16 images?",
            "Which change to the training removes the noise? For the comparison, remember the rules of lesson 01: "
            "tuning, seeds, budget.",
        ],
        rubric=[
            "1 point: explains the second run. At lr 1 the effective rate lr / (1 - beta) is 10, ten times that of "
            "the first run.",
            "1 point: explains the tie. At lr 0.1 the effective rates agree; under noise both the speed and the floor "
            "depend on it alone, so nothing is gained or lost.",
            "1 point: says where momentum pays: where curvature and not noise limits the step (full or large batches, "
            "bad condition), up to the root of the condition number.",
            "1 point: a fair experiment: both learning rates tuned on a grid, chosen and reported on different seeds, "
            "the same number of gradients, a large batch (or several batch sizes), paired differences with an "
            "interval.",
        ],
    ),
]
