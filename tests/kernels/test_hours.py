"""What is judged by hours equals its twin: peers, days, balances."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels import balance, days, peers

HOURLY = st.one_of(st.floats(-50, 50), st.just(math.nan), st.just(math.inf))
SEEDS = st.integers(0, 2**32 - 1)


def noisy(seed, h, m, holes=0.05):
    """Return hours of m sensors that see the same, with holes and excursions."""
    draw = np.random.default_rng(seed)
    common = 10 + 5 * np.sin(2 * np.pi * np.arange(h) / 24) + np.cumsum(draw.normal(0, 0.2, h))
    hours = common[:, None] + draw.normal(0, 1, m) + draw.normal(0, 0.3, (h, m))
    for _ in range(int(draw.integers(0, 4))):
        at, k, size = draw.integers(0, max(h, 1)), draw.integers(0, m), draw.normal(0, 6)
        hours[at : at + draw.integers(1, 60), k] += size
    hours[draw.random((h, m)) < holes] = np.nan
    return hours


def twin_of_peers(hours):
    """Return (member, start, end, peak, value, expected, scale), by the words of the kernel."""
    found = []
    members = [
        {"n": 0, "usual": 0.0, "spread": 0.0, "run": [], "told": False, "scale": 0.0}
        for _ in range(hours.shape[1])
    ]

    def give(k, one, end):
        r, x = max(one["rs"], key=lambda pair: abs(pair[0]))
        found.append((k, one["run"][0], end, r, x, x - r, one["scale"]))
        one.update(run=[], told=False)

    for hour, row in enumerate(hours.tolist()):
        there = [k for k, x in enumerate(row) if math.isfinite(x)]
        if len(there) < 5:
            continue
        middle = statistics.median(row[k] for k in there)
        warm = [abs(row[k] - middle - members[k]["usual"]) for k in there if members[k]["n"] >= 36]
        apart = statistics.median(warm) if warm else 0.0
        for k in there:
            one, x = members[k], row[k]
            r = x - middle - one["usual"]
            s = max(one["spread"], 1e-3 * abs(middle))
            same_side = bool(one["run"]) and (r > 0) == (one["rs"][0][0] > 0)
            if one["told"]:
                out = same_side and abs(r) >= 3 * s
            else:
                out = one["n"] >= 36 and s > 0 and abs(r) > 6 * s and abs(r) > 3 * apart
            if one["run"] and not (out and same_side):
                if one["told"]:
                    give(k, one, hour)
                one["run"] = []
            if not out:
                share = 1 / min(one["n"] + 1, 72)
                if one["n"] >= 36 and s > 0:
                    r = min(max(r, -3 * s), 3 * s)
                if one["n"]:
                    one["spread"] += share * (abs(r) - one["spread"])
                one["usual"] += share * r
                one["n"] += 1
                continue
            if not one["run"]:
                one.update(scale=s, rs=[])
            one["run"].append(hour)
            one["rs"].append((r, x))
            one["told"] = one["told"] or len(one["run"]) >= 6
            if hour - one["run"][0] > 14 * 24:
                give(k, one, hour)
                one.update(n=0, usual=0.0, spread=0.0)
    for k, one in enumerate(members):
        if one["told"]:
            give(k, one, -1)
    return sorted(found)


def rows(found):
    """Return a kernel's events as tuples."""
    return list(zip(*(getattr(found, name).tolist() for name in found.__slots__), strict=True))


@settings(deadline=None)
@given(SEEDS, st.integers(0, 500), st.integers(5, 9))
def test_those_that_leave_their_peers_equal_their_twin(seed, h, m):
    hours = noisy(seed, h, m)
    assert rows(peers.leaving(hours)) == twin_of_peers(hours)


@given(st.integers(0, 60), st.integers(0, 7), st.data())
def test_any_hours_can_be_compared(h, m, data):
    """Few members, holes, infinities: no event, and no fault."""
    values = data.draw(st.lists(HOURLY, min_size=h * m, max_size=h * m))
    assert len(peers.leaving(np.array(values).reshape(h, m))) >= 0


def test_a_sensor_that_creeps_away_leaves_its_peers():
    """The others do not, and it comes back; all alike is no event; a storm is none."""
    hours = noisy(3, 400, 6, holes=0)
    hours[200:260, 2] += np.linspace(0, 12, 60)
    (one,) = [e for e in rows(peers.leaving(hours)) if 190 <= e[1] <= 260]
    assert one[0] == 2
    assert 200 < one[1] < 225
    assert one[2] == 260
    assert one[3] > 8
    assert len(peers.leaving(np.ones((300, 6)))) == 0
    storm = 5 + np.random.default_rng(1).normal(0, 0.1, (400, 6))
    storm[200:230] += np.random.default_rng(2).normal(0, 8, (30, 6))
    assert len(peers.leaving(storm)) == 0


def test_what_stays_away_is_usual_after_two_weeks():
    hours = noisy(5, 800, 6, holes=0)
    hours[100:, 1] += 20
    own = [e for e in rows(peers.leaving(hours)) if e[0] == 1 and e[1] >= 100]
    assert [(e[1], e[2]) for e in own] == [(100, 100 + 14 * 24 + 1)]


def twin_of_days(hours, kind):
    """Return (unlike, D, hour, usual) of each day; None where nothing is said."""
    found = []
    for day, own in enumerate(hours.tolist()):
        middles = {}
        for hour in range(24):
            like = [
                hours[other, hour]
                for other in range(day - 1, -1, -1)
                if kind[other] == kind[day] and math.isfinite(hours[other, hour])
            ][:20]
            if len(like) >= 4:
                middle = statistics.median(like)
                middles[hour] = middle, 1.4826 * statistics.median(abs(x - middle) for x in like)
        known = [hour for hour in middles if math.isfinite(own[hour])]
        if not known or len(known) < 20:
            found.append((False, None, None, None))
            continue
        low, high = (f(m for m, _ in middles.values()) for f in (min, max))
        floor = max(0.1 * (high - low), 0.05 * max(abs(low), abs(high)))
        zs = []
        for hour in known:
            middle, spread = middles[hour]
            far = abs(own[hour] - middle)
            whole = spread + floor
            zs.append(min(far / whole, 10.0) if whole > 0 else 10.0 if far > 0 else 0.0)
        distance = sum(zs) / len(zs)
        worst = max(known, key=lambda hour: (abs(own[hour] - middles[hour][0]), -hour))
        before = [d for unlike, d, _, _ in found if d is not None and not unlike][-20:]
        unlike = len(before) >= 4 and distance > 1.5 and distance > 2.5 * max(before)
        found.append((unlike, distance, worst, middles[worst][0]))
    return found


@settings(deadline=None)
@given(SEEDS, st.integers(0, 60), st.floats(0, 0.2))
def test_days_that_take_another_course_equal_their_twin(seed, n, holes):
    draw = np.random.default_rng(seed)
    kind = np.array([0, 0, 0, 0, 0, 1, 2] * 9)[:n]
    hours = 5 + 3 * np.sin(np.arange(24) / 4) + draw.gamma(2, 0.4, (n, 24)) - 2 * kind[:, None]
    for day in draw.integers(0, max(n, 1), 4):
        hours[day : day + 1] *= draw.choice([0.0, 1.0, 4.0])
    hours[draw.random((n, 24)) < holes] = np.nan
    found = days.unlike(hours, kind)
    for day, (unlike, distance, hour, usual) in enumerate(twin_of_days(hours, kind)):
        assert found.unlike[day] == unlike
        if distance is None:
            assert math.isnan(found.distance[day])
            continue
        assert found.distance[day] == pytest.approx(distance)
        assert (found.hour[day], found.usual[day]) == (hour, usual)


def test_a_day_that_stands_still_is_unlike_and_the_next_is_not():
    hours = np.ones((30, 24)) * 4 + np.random.default_rng(1).normal(0, 0.2, (30, 24))
    hours[20] = 0
    found = days.unlike(hours, np.zeros(30, np.int64))
    assert np.flatnonzero(found.unlike).tolist() == [20]
    assert found.beyond[20] > 5
    flat = days.unlike(np.ones((30, 24)), np.zeros(30, np.int64))
    assert not flat.unlike.any()
    with pytest.raises(ValueError, match=r"hours: expected \(days, 24\), found \(3, 23\)"):
        days.unlike(np.ones((3, 23)), np.zeros(3, np.int64))
    with pytest.raises(ValueError, match="kind"):
        days.unlike(np.ones((3, 24)), np.zeros(2, np.int64))


def twin_of_rates(hours):
    """Return (start, end, peak, before) of runs that hold more than ever."""
    found, run, most = [], None, 0.0
    for i, x in enumerate(hours.tolist()):
        if not math.isfinite(x):
            continue
        if run is None:
            past = [y for y in hours[max(0, i - 672) : i].tolist() if math.isfinite(y)]
            most = max([0.0, *past])
            if len(past) >= 168 and most > 0 and x > 2 * most:
                run = [i, x]
        elif x > 2 * most:
            run[1] = max(run[1], x)
        else:
            found.append((run[0], i, run[1], most))
            run = None
    return [*found, (run[0], -1, run[1], most)] if run else found


@settings(deadline=None)
@given(SEEDS, st.integers(0, 900))
def test_hours_that_hold_more_than_ever_equal_their_twin(seed, h):
    draw = np.random.default_rng(seed)
    hours = draw.gamma(1, 1, h)
    hours[draw.random(h) < 0.01] *= 20
    hours[draw.random(h) < 0.05] = draw.choice([np.nan, np.inf, 0.0])
    assert rows(days.more_than_ever(hours)) == twin_of_rates(hours)


def test_hours_in_a_row_are_one_run():
    """The last one lasts; a run ends with the first hour that is not known to go on."""
    hours = np.tile([1.0, 2.0], 200)
    hours[300:303] = 5.0, 9.0, 7.0
    hours[398:] = 30.0
    found = days.more_than_ever(hours)
    assert len(found) == 2
    assert rows(found) == [(300, 303, 9.0, 2.0), (398, -1, 30.0, 9.0)]
    assert len(days.unlike(np.ones((3, 24)), np.zeros(3, np.int64))) == 3


def twin_of_balance(lost, gross):
    """Return (start, end, lost, usual, gross, amount, limit), by the words of the kernel."""
    known = [i for i in range(len(lost)) if math.isfinite(lost[i]) and math.isfinite(gross[i])]
    days_, found, run, told = {}, [], [], False
    usual = limit = 0.0

    def give(end):
        far = max(run, key=lambda pair: abs(pair[1] - usual))
        upto = len(lost) if end == -1 else end
        amount = sum(lost[i] - usual / 24 for i in known if run[0][0] <= i < upto)
        found.append((run[0][0], end, far[1], usual, far[2], amount, limit))

    for hour in known:
        own = [i for i in known if hour - 72 < i <= hour][-24:]
        if len(own) < 24:
            continue
        day, flown = math.fsum(lost[i] for i in own), math.fsum(gross[i] for i in own)
        if not run:
            past = [days_[i] for i in days_ if hour - 24 - 336 <= i <= hour - 24]
            if len(past) < 24:
                days_[hour] = day
                continue
            usual = statistics.median(past)
            spread = statistics.median(abs(x - usual) for x in past)
            limit = max(0.01 * flown, 6 * 1.4826 * spread)
        same_side = bool(run) and (day > usual) == (run[0][1] > usual)
        stays = abs(day - usual) > (0.5 * limit if told else limit)
        if run and not (same_side and stays):
            if told:
                give(hour)
            run, told, stays = [], False, False
        if not stays:
            days_[hour] = day
            continue
        run.append((hour, day, flown))
        told = told or len(run) >= 6
        if hour - run[0][0] > 336:
            give(hour)
            run, told, days_ = [], False, {}
    if told:
        give(-1)
    return found


@settings(deadline=None)
@given(SEEDS, st.integers(0, 500))
def test_what_goes_missing_equals_its_twin(seed, h):
    draw = np.random.default_rng(seed)
    gross = 100 + 50 * np.sin(np.arange(h) / 4) + draw.normal(0, 5, h)
    lost = 3 + draw.normal(0, 1.5, h)
    for at in draw.integers(0, max(h, 1), 2):
        lost[at : at + draw.integers(1, 50)] += draw.choice([-8, 0, 8, 20])
    lost[draw.random(h) < 0.1] = np.nan
    found, twin = rows(balance.missing(lost, gross)), twin_of_balance(lost, gross)
    assert [one[:2] for one in found] == [one[:2] for one in twin]
    for one, other in zip(found, twin, strict=True):
        assert one == pytest.approx(other)


def test_a_theft_goes_missing_and_constant_losses_do_not():
    gross = 1000 + 500 * np.sin(2 * np.pi * np.arange(400) / 24)
    lost = np.full(400, 60.0) + np.random.default_rng(1).normal(0, 20, 400)
    assert len(balance.missing(lost, gross)) == 0
    lost[200:260] += 50
    (one,) = rows(balance.missing(lost, gross))
    assert 200 <= one[0] <= 230
    assert 250 <= one[1] <= 285
    assert one[5] == pytest.approx(60 * 50, rel=0.35)
    with pytest.raises(ValueError, match="gross"):
        balance.missing(lost, gross[1:])
    assert len(balance.missing(np.full(100, np.nan), np.ones(100))) == 0


def test_hours_have_two_dimensions():
    with pytest.raises(ValueError, match=r"expected \(hours, members\), found 1"):
        peers.leaving(np.zeros(3))
