"""The losses of this room as loops over points, in Python numbers."""

from __future__ import annotations

import math

from torch import Tensor


def cosine(a: list[float], b: list[float]) -> float:
    norms = [max(math.sqrt(sum(x * x for x in row)), 1e-6) for row in (a, b)]
    return sum(x * y for x, y in zip(a, b, strict=True)) / norms[0] / norms[1]


def mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def lists(*tensors: Tensor) -> list:
    return [each.tolist() for each in tensors]


def consistency(p: Tensor, z: Tensor, valid: Tensor) -> float:
    p, z, valid = lists(p, z, valid)
    return mean(
        [2 - 2 * cosine(p[b][q], z[b][q]) for b in range(len(p)) for q in range(len(p[b])) if valid[b][q]]
    )


def consistency_of_maps(p: Tensor, z: Tensor, valid: Tensor) -> float:
    p, z, valid = lists(p, z, valid)
    values = []
    for b in range(len(p)):
        counted = [q for q in range(len(p[b])) if valid[b][q]]
        if counted:
            flat = [[x for q in counted for x in rows[b][q]] for rows in (p, z)]
            values.append(2 - 2 * cosine(*flat))
    return mean(values)


def info_nce(p: Tensor, z: Tensor, valid: Tensor, *, temperature: float = 0.1, pooled: bool = False) -> float:
    p, z, valid = lists(p, z, valid)
    counted = [(b, q) for b in range(len(p)) for q in range(len(p[b])) if valid[b][q]]
    values = []
    for b, q in counted:
        others = [z[c][r] for c, r in counted if pooled or c == b]
        total = sum(math.exp(cosine(p[b][q], other) / temperature) for other in others)
        values.append(math.log(total) - cosine(p[b][q], z[b][q]) / temperature)
    return mean(values)


def simclr(first: Tensor, second: Tensor, *, temperature: float = 0.1) -> float:
    rows = first.tolist() + second.tolist()
    n = len(first)
    values = []
    for i, row in enumerate(rows):
        total = sum(math.exp(cosine(row, other) / temperature) for j, other in enumerate(rows) if j != i)
        values.append(math.log(total) - cosine(row, rows[(i + n) % (2 * n)]) / temperature)
    return mean(values)


def densecl(p: Tensor, z: Tensor, f: Tensor, g: Tensor, *, temperature: float = 0.2) -> float:
    p, z, f, g = lists(p, z, f, g)
    means = [[mean([row[c] for row in sample]) for c in range(len(sample[0]))] for sample in z]
    values = []
    for b in range(len(p)):
        for i in range(len(p[b])):
            similar = [cosine(f[b][i], row) for row in g[b]]
            partner = z[b][similar.index(max(similar))]
            scores = [cosine(p[b][i], partner)]
            scores += [cosine(p[b][i], means[c]) for c in range(len(p)) if c != b]
            values.append(math.log(sum(math.exp(s / temperature) for s in scores)) - scores[0] / temperature)
    return mean(values)


def pixpro(y: Tensor, x: Tensor, near: Tensor) -> float:
    y, x, near = lists(y, x, near)
    values = []
    for b in range(len(y)):
        for i in range(len(y[b])):
            cells = [j for j in range(len(x[b])) if near[b][i][j]]
            if cells:
                values.append(mean([2 - 2 * cosine(y[b][i], x[b][j]) for j in cells]))
    return mean(values)


def propagated(x: Tensor, g: Tensor, *, sharpness: float = 2.0) -> list:
    x, g = lists(x, g)
    out = []
    for b in range(len(x)):
        rows = []
        for i in range(len(x[b])):
            weights = [max(cosine(x[b][i], other), 0) ** sharpness for other in x[b]]
            rows.append([sum(w * g[b][j][c] for j, w in enumerate(weights)) for c in range(len(g[b][0]))])
        out.append(rows)
    return out


def vicreg(first: Tensor, second: Tensor, valid: Tensor) -> tuple[float, float, float]:
    chosen = [rows[valid].tolist() for rows in (first, second)]
    n, channels = len(chosen[0]), first.shape[-1]
    if n < 2:
        return 0.0, 0.0, 0.0
    a, b = chosen
    invariance = mean([(a[i][c] - b[i][c]) ** 2 for i in range(n) for c in range(channels)])
    variance = covariance = 0.0
    for rows in chosen:
        means = [mean([row[c] for row in rows]) for c in range(channels)]
        for c in range(channels):
            for d in range(channels):
                product = sum((row[c] - means[c]) * (row[d] - means[d]) for row in rows) / (n - 1)
                if c == d:
                    variance += max(0.0, 1 - math.sqrt(product + 1e-4)) / (2 * channels)
                else:
                    covariance += product**2 / channels
    return invariance, variance, covariance
