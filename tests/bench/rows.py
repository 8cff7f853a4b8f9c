"""A row of the table: the measure, the bounds of its true value, the goal, and the verdict."""

import math
import statistics

AT_LEAST, AT_MOST, EXACTLY = ">=", "<=", "="
MET, MISSED, UNDECIDED = "met", "missed", "undecided"


def median(values):
    return statistics.median(values)


class Row:
    """values: one figure, or one of each round. goal: (comparison, figure) or None."""

    def __init__(self, name, values, unit="", goal=None):
        self.name, self.unit, self.goal = name, unit, goal
        self.values = sorted(values) if isinstance(values, (list, tuple)) else [values]
        self.figure = statistics.median(self.values)

    def between(self):
        """Where the median of ever more rounds would lie, 95 % sure (the sign test's interval: it supposes
        nothing of how the rounds are spread); all of the rounds if they are less than six."""
        n = len(self.values)
        cut, below = 0, 1
        while below / 2**n <= 0.025:
            cut += 1
            below += math.comb(n, cut)
        cut = max(cut - 1, 0)
        return self.values[cut], self.values[n - 1 - cut]

    def _holds(self, value):
        comparison, wanted = self.goal
        value = round(value, 3)
        return {AT_LEAST: value >= wanted, AT_MOST: value <= wanted, EXACTLY: value == wanted}[comparison]

    def verdict(self):
        """Undecided: the truth may lie on either side."""
        if not self.goal:
            return None
        held = {self._holds(end) for end in self.between()}
        return UNDECIDED if len(held) == 2 else MET if held.pop() else MISSED

    def text(self):
        low, high = self.between()
        around = f"{show(low)} … {show(high)}" if low != high else ""
        wanted = f"{self.goal[0]} {self.goal[1]:g}" if self.goal else ""
        return (f"{self.name:<50} {show(self.figure):>9} {self.unit:<4} {around:<19} {wanted:<9} "
                f"{self.verdict() or ''}").rstrip()

    def record(self):
        low, high = self.between()
        return {"what": self.name, "figure": self.figure, "unit": self.unit, "low": low, "high": high,
                "rounds": len(self.values), "verdict": self.verdict(),
                "goal": self.goal and {"comparison": self.goal[0], "value": self.goal[1]}}


HEADING = f"{'what':<50} {'figure':>9} {'':<4} {'95 % sure':<19} {'goal':<9} verdict"


def show(value):
    if isinstance(value, int) or float(value).is_integer() or abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.2f}"


def ratios(results, name, other, which):
    """Round by round: a disturbance of a round disturbs both of its halves."""
    return [one / other for one, other in zip(column(results, name, which), column(results, other, which))]


def column(results, name, which):
    return [getattr(result, which) for result in results[name]]


def compared(servers, rounds, measure):
    """Measures the servers in turn, round after round: {name: [result, ...]}."""
    results = {name: [] for name in servers}
    for number in range(rounds):
        order = list(servers) if number % 2 == 0 else list(servers)[::-1]
        for name in order:
            results[name].append(measure(servers[name]))
    return results
