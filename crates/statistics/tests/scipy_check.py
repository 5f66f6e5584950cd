#!/usr/bin/env python3
"""The statistics beside SciPy's, on the same numbers. Needs scipy and numpy; ends with 1 on a difference.

    cargo run --release -p statistics --example intervals | python3 crates/statistics/tests/scipy_check.py

Quantiles of the laws have to agree to 1e-9 (relative where above 1), estimates, signed-rank intervals, MSER's
cuts and Sen's slopes to 1e-9 or better. Bootstrap intervals are compared twice: those that SciPy cuts from
our own resamples have to agree to 1e-9; those from its own resamples within Monte-Carlo error, six
standard errors of both simulations together of the share that lies beyond the bound.
"""

import json
import math
import sys

import numpy as np
from scipy import stats

# The same number of resamples as in the example, so both bring the same error.
RESAMPLES = 199_999


def pseudo_median(logs):
    first, second = np.triu_indices(logs.shape[-1])
    return np.median((logs[..., first] + logs[..., second]) / 2, axis=-1)


# Of logarithms, as the example hands them over: another log would differ in the last digit and tell apart
# what is equal.
STATISTICS = {
    "ratio_of_medians": lambda a, b, axis=-1: np.median(a, axis=axis) - np.median(b, axis=axis),
    "median_of_ratios": lambda a, b, axis=-1: np.median(a - b, axis=axis),
    "geometric_mean": lambda a, b, axis=-1: np.mean(a - b, axis=axis),
    # SciPy puts the axis of the resamples before the one of the rounds.
    "pseudo_median": lambda a, b, axis=-1: pseudo_median(a - b),
}

failures = 0
compared = 0


def check(what, fine, *shown):
    global failures, compared
    compared += 1
    if not fine:
        failures += 1
        print("differs:", what, *shown)


def expanded_level(level, n):
    outside = stats.norm.cdf(math.sqrt(n / (n - 1)) * stats.t.ppf((1 - level) / 2, n - 1))
    return 1 - 2 * outside


def bca_shares(resampled, estimate, left_out, z):
    """Where BCa may cut, its bias correction being simulated too: at six standard errors less, and more."""
    below = (np.sum(resampled < estimate) + np.sum(resampled <= estimate)) / 2 / len(resampled)
    bias = stats.norm.ppf(below)
    error = 6 * math.sqrt(2 * below * (1 - below) / len(resampled)) / stats.norm.pdf(bias)
    off = left_out.mean() - left_out
    acceleration = np.sum(off**3) / (6 * np.sum(off**2) ** 1.5)
    biases = (bias - error, bias, bias + error)
    return [stats.norm.cdf(b + (b + z) / (1 - acceleration * (b + z))) for b in biases]


def rank_bounds(logs, level):
    """By inversion of scipy.stats.wilcoxon's exact p-value, not by a table."""
    n = len(logs)
    means = np.sort([(logs[i] + logs[j]) / 2 for i in range(n) for j in range(i, n)])

    def excluded(centre):
        return stats.wilcoxon(logs - centre, method="exact").pvalue <= 1 - level + 1e-12

    # The p-value changes only where the centre passes a mean: just below each one is looked at.
    if not excluded(means[0] - 1):
        return None
    low = next(m for m, after in zip(means, means[1:]) if not excluded((m + after) / 2))
    high = next(m for m, before in zip(means[::-1], means[-2::-1]) if not excluded((m + before) / 2))
    return low, high


def main():
    document = json.load(sys.stdin)
    laws = {"norm.ppf": stats.norm.ppf, "norm.cdf": stats.norm.cdf, "t.ppf": stats.t.ppf}
    for law in document["laws"]:
        wanted = laws[law["law"]](*law["at"])
        check(law["law"], abs(law["value"] - wanted) <= 1e-9 * max(1, abs(wanted)), law, wanted)

    for case in document["cases"]:
        a, b, level = np.array(case["a"]), np.array(case["b"]), case["level"]
        n = len(a)
        ours, theirs = case["ranks"], rank_bounds(a - b, level)
        same = ours == theirs if ours is None or theirs is None else np.allclose(ours, theirs, rtol=0, atol=1e-12)
        check(f"ranks of {n} at {level}", same, ours, theirs)
        known = {}
        for found in case["intervals"]:
            statistic = STATISTICS[found["statistic"]]
            method, at = found["method"], level
            if method == "expanded":
                method, at = "percentile", expanded_level(level, n)
            log_estimate = statistic(a, b)
            estimate = math.exp(log_estimate)
            label = f"{found['statistic']} {found['method']} of {n} rounds at {level}"
            check(label, abs(found["estimate"] / estimate - 1) < 1e-12, found["estimate"], estimate)
            key = found["statistic"]
            result = stats.bootstrap(
                (a, b), statistic, n_resamples=0 if key in known else RESAMPLES, batch=2_000, paired=True, vectorized=True,
                confidence_level=at, method=method, rng=7, bootstrap_result=known.get(key),
            )
            known[key] = result
            resampled = np.sort(result.bootstrap_distribution)
            left_out = [statistic(np.delete(a, i), np.delete(b, i)) for i in range(n)]
            for end, sign in (("low", -1), ("high", 1)):
                bound = math.log(found[end])
                z = sign * stats.norm.ppf((1 + at) / 2)
                shares = [stats.norm.cdf(z)]
                if method == "BCa":
                    shares = bca_shares(resampled, log_estimate, np.array(left_out), z)
                spread = [6 * math.sqrt(2 * max(s * (1 - s), 1e-5) / RESAMPLES) for s in shares]
                lowest = min(s - e for s, e in zip(shares, spread))
                highest = max(s + e for s, e in zip(shares, spread))
                # Beyond the outermost of SciPy's resamples ours may have others.
                least = np.quantile(resampled, lowest) if lowest > 0 else -math.inf
                most = np.quantile(resampled, highest) if highest < 1 else math.inf
                check(f"{label} {end}", least - 1e-12 <= bound <= most + 1e-12, bound, (least, most))
                theirs = getattr(result.confidence_interval, end)
                check(f"SciPy's own {label} {end}", least - 1e-12 <= theirs <= most + 1e-12, theirs, (least, most))
            # The same resamples on both sides leave nothing to chance.
            result.bootstrap_distribution = np.array(found["distribution"])
            exact = stats.bootstrap(
                (a, b), statistic, n_resamples=0, paired=True, vectorized=True, confidence_level=at, method=method,
                bootstrap_result=result,
            ).confidence_interval
            ours = np.log(found["from_distribution"])
            check(f"{label}, same resamples", np.allclose(ours, [exact.low, exact.high], rtol=0, atol=1e-9), ours, exact)
            result.bootstrap_distribution = resampled

    for trend in document["trends"]:
        values = np.array(trend["values"])
        errors = [np.var(values[cut:]) / (len(values) - cut) for cut in range(len(values) - 5 + 1)]
        best = int(np.argmin(errors))
        if best > len(values) // 2:
            # Either told to be too late, or the best cut of the first half.
            best = trend["cut"] if trend["cut"] == best else int(np.argmin(errors[: len(values) // 2 + 1]))
        check("MSER's cut", trend["cut"] == best, trend["cut"], best)
        rest = values[trend["cut"]:]
        slope = stats.theilslopes(rest).slope * (len(rest) - 1) / abs(np.median(rest))
        check("Sen's slope", abs(trend["drift"] - slope) < 1e-9, trend["drift"], slope)

    print(f"{compared} comparisons with SciPy, {failures} differ")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
