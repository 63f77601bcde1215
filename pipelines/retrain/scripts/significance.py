"""Is one model better than another? Tests over the sentences of a test set, both models judged on the same ones."""

import math
import random


def sign_test(higher, lower):
    """The probability of so uneven a split, or a more uneven one, if both were equally likely: exact and two-sided."""
    n = higher + lower
    tail = sum(math.comb(n, i) for i in range(min(higher, lower) + 1))
    # Exact integers: a power of two has no rounding to fear, however many sentences there are.
    return min(1.0, 2 * tail / 2**n) if n < 1000 else min(1.0, math.exp(math.log(2 * tail) - n * math.log(2)))


def compare(old, new, *, resamples=2000, seed=1):
    """Compares values of the same sentences, 0 to 1 each.

    The difference is of the means; the interval is the middle 95 percent of a paired bootstrap over sentences (Efron 1979).
    """
    differences = [b - a for a, b in zip(old, new)]
    higher, lower = sum(d > 1e-9 for d in differences), sum(d < -1e-9 for d in differences)
    n = len(differences)
    generator = random.Random(seed)
    means = sorted(math.fsum(generator.choices(differences, k=n)) / n for _ in range(resamples))
    low, high = means[round(0.025 * resamples) - 1], means[round(0.975 * resamples) - 1]
    return {
        "sentences": n, "higher": higher, "lower": lower, "difference": math.fsum(differences) / n,
        "low": low, "high": high, "sign_test_p": sign_test(higher, lower),
    }
