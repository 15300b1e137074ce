"""Which refused rows no earlier night has let pass, and the rows among which they count."""

from datetime import date

from nightshelf.ingest.gate import newly_refused

MONDAY, TUESDAY, WEDNESDAY = (date(2026, 11, day) for day in (23, 24, 25))


def test_a_day_is_measured_by_its_own_rows_however_long_the_history_is() -> None:
    read = {(None, MONDAY): 10_000, (None, TUESDAY): 10, ("bad_price", TUESDAY): 90}
    assert newly_refused(read, {}, MONDAY) == ({"bad_price": 90}, 100)


def test_what_passed_is_not_held_against_the_next_night() -> None:
    read = {(None, MONDAY): 100, ("robot", MONDAY): 900, (None, TUESDAY): 50}
    assert newly_refused(read, {("robot", MONDAY): 900}, MONDAY) == ({"robot": 0}, 50)


def test_an_old_day_that_came_again_broken_counts_beside_the_new_one() -> None:
    known = {("robot", MONDAY): 900}
    read = {("robot", MONDAY): 900, ("missing_user", MONDAY): 100, (None, TUESDAY): 50}
    refused, rows = newly_refused(read, known, MONDAY)
    assert (refused["robot"], refused["missing_user"], rows) == (0, 100, 150)


def test_late_rows_repeated_do_not_thin_the_day_out() -> None:
    read = {(None, MONDAY): 900, ("duplicate", MONDAY): 100, (None, TUESDAY): 50}
    assert newly_refused(read, {}, MONDAY) == ({"duplicate": 100}, 50)


def test_rows_without_a_day_count_by_their_reason() -> None:
    """Those that tell no day stood on Monday the night before, and stand on Tuesday now."""
    read = {(None, MONDAY): 100, (None, TUESDAY): 50, ("bad_time", TUESDAY): 33}
    refused, rows = newly_refused(read, {("bad_time", MONDAY): 30}, MONDAY)
    assert (refused, rows) == ({"bad_time": 3}, 53)
