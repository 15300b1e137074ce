"""The scale of the loss in half precision, and when it can do no more."""

from nightshelf.learning.precision import LossScale


def test_a_scale_is_halved_until_it_is_the_least() -> None:
    scale = LossScale(16.0)
    told = []
    while not scale.is_least:
        assert not scale.accepts(False)
        told.append(scale.value)
    assert told == [8.0, 4.0, 2.0]  # from here on, what is no number is no matter of scale


def test_a_scale_grows_after_good_steps() -> None:
    scale = LossScale(16.0, patience=3)
    assert [(scale.accepts(True), scale.value)[1] for _ in range(4)] == [16.0, 16.0, 32.0, 32.0]


def test_without_a_scale_nothing_is_left_out() -> None:
    assert LossScale.of("fp32").is_least
    assert LossScale.of("bf16").is_least
    assert not LossScale.of("fp16").is_least
