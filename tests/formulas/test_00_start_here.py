"""The labelled equations of lesson 00, each reached by another road."""

import numpy as np

from optlib import Adam, RMSprop
from optlib.evidence import formula


def steady_step(opt, g, steps):
    """The size of the last step, as a share of the learning rate 1, when the gradient is always g."""
    theta = np.zeros_like(g)
    state = opt.init(theta)
    for _ in range(steps):
        before = theta.copy()
        opt.step(theta, g, state)
    return np.abs(theta - before)


@formula(
    "eps-half-step",
    r"\frac{|g|}{|g| + \epsilon} = \frac12 \iff |g| = \epsilon, \qquad "
    r"\frac{|g|}{\sqrt{g^2 + \epsilon}} = \frac12 \iff |g| = \sqrt{\epsilon/3}",
)
def test_eps_halves_the_step_of_the_rules_themselves_where_the_equation_says():
    for eps in (1e-8, 1e-4, 1e-2):
        for inside, half in ((False, eps), (True, np.sqrt(eps / 3))):
            opt = RMSprop(lr=1.0, rho=0.9, eps=eps, eps_inside_root=inside)
            below, at, above = steady_step(opt, half * np.array([0.99, 1.0, 1.01]), steps=400)
            assert below < 0.4999 < 0.5001 < above
            np.testing.assert_allclose(at, 0.5, rtol=1e-9)
        np.testing.assert_allclose(steady_step(Adam(lr=1.0, eps=eps), np.array([-eps]), steps=50), 0.5, rtol=1e-9)


@formula(
    "adam-short-form",
    r"\frac{\hat m_t}{\sqrt{\hat v_t} + \epsilon} = \frac{\sqrt{1-\beta_2^t}}{1-\beta_1^t} \cdot "
    r"\frac{m_t}{\sqrt{v_t} + \hat\epsilon_t}, \qquad \hat\epsilon_t = \epsilon\sqrt{1-\beta_2^t}",
)
def test_the_short_form_makes_the_steps_of_adam():
    rng = np.random.default_rng(0)
    opt = Adam(lr=1.0, beta1=0.8, beta2=0.95, eps=0.01)
    theta = np.zeros(5)
    state = opt.init(theta)
    for t in range(1, 30):
        before = theta.copy()
        opt.step(theta, rng.standard_normal(5), state)
        hat = 0.01 * np.sqrt(1 - 0.95**t)
        short = np.sqrt(1 - 0.95**t) / (1 - 0.8**t) * state["m"] / (np.sqrt(state["v"]) + hat)
        np.testing.assert_allclose(before - theta, short, rtol=1e-10)
