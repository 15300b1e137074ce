"""What the log of a shop must show of the truth behind it."""

import numpy as np
import pandas as pd
import pytest

from nightshelf.simulate.log import ROBOT_CLICKS

from .conftest import Shop


def _top(frame: pd.DataFrame) -> pd.Series:
    counts = frame.groupby(["user_id", "category"]).size().unstack(fill_value=0)
    return counts.idxmax(axis=1)


@pytest.mark.parametrize(("kind", "least", "agreeing"), [("click", 10, 0.65), ("purchase", 4, 0.6)])
def test_the_best_loved_category_leads(
    shop: Shop, clean: pd.DataFrame, kind: str, least: int, agreeing: float
) -> None:
    acts = clean[clean["event"] == kind]
    acts = acts.assign(category=shop.world.category[acts["item"]])
    acts = acts[acts.groupby("user_id")["item"].transform("size") >= least]
    top = _top(acts)
    tastes = np.concatenate([people.tastes for people in shop.people])
    loved = tastes[[int(user[1:]) for user in top.index]].argmax(axis=1)
    assert len(top) > 100
    assert (top.to_numpy() == loved).mean() > agreeing


def test_click_through_falls_as_the_click_curve_says(clean: pd.DataFrame) -> None:
    shown = clean[clean["event"] == "impression"].groupby("position").size()
    clicked = clean[(clean["event"] == "click")].groupby("position").size()
    rate = clicked / shown
    told = [1.0, 0.660, 0.517, 0.435, 0.381, 0.341, 0.311, 0.287, 0.268, 0.251]  # position**-0.6
    np.testing.assert_allclose((rate / rate[1]).to_numpy(), told, atol=0.05)
    assert 0.1 < rate[1] < 0.6


def test_no_sale_without_stock(shop: Shop, clean: pd.DataFrame) -> None:
    sold = clean[(clean["event"] == "purchase") & (clean["quantity"] > 0)]
    assert len(sold) > 1_000
    assert (shop.world.stock[sold["item"], sold["day"]] > 0).all()


def test_prices_are_those_of_the_day(shop: Shop, clean: pd.DataFrame) -> None:
    acts = clean[clean["event"].isin(["impression", "click", "cart"])]
    np.testing.assert_array_equal(acts["price"], shop.world.price[acts["item"], acts["day"]])


def test_the_price_sensitive_buy_cheaper(shop: Shop, clean: pd.DataFrame) -> None:
    sensitivity = np.concatenate([people.price_sensitivity for people in shop.people])
    sold = clean[(clean["event"] == "purchase") & (clean["quantity"] > 0)]
    careful = sensitivity[sold["user_id"].str[1:].astype(int)] > np.median(sensitivity)
    price = np.log(sold["price"].to_numpy())
    assert price[careful].mean() < price[~careful].mean() - 0.1


def test_robots_click_thousands_of_times_on_their_day(shop: Shop) -> None:
    clicks = shop.log[(shop.log["event"] == "click")].groupby(["user_id", "day"]).size()
    busy = clicks[clicks >= ROBOT_CLICKS].index
    told = {
        (f"u{user}", int(day))
        for people in shop.people
        for user, day in zip(people.ids, people.robot_day, strict=True)
        if day >= 0
    }
    assert set(busy) == told
    assert 3 <= len(told) <= 20  # one in a hundred of a thousand users


def test_returns_take_back_an_earlier_order(clean: pd.DataFrame) -> None:
    bought = clean[clean["event"] == "purchase"]
    back = bought[bought["quantity"] < 0]
    orders = bought[bought["quantity"] > 0]
    assert len(back) > 20
    matched = back.merge(
        orders, how="left", on=["user_id", "item_id", "request_id"], suffixes=("", "_of")
    )
    assert len(matched) == len(back)
    assert (matched["quantity"] == -matched["quantity_of"]).all()
    assert (matched["price"] == matched["price_of"]).all()
    days = (pd.to_numeric(matched["ts"]) - pd.to_numeric(matched["ts_of"])) / 86_400_000
    assert days.between(1, 9).all()


def test_few_users_do_much(clean: pd.DataFrame) -> None:
    clicks = clean[clean["event"] == "click"].groupby("user_id").size().sort_values()
    top = clicks.iloc[-len(clicks) // 10 :].sum() / clicks.sum()
    assert 0.25 < top < 0.6


def test_weekends_are_busier_and_the_shop_grows(shop: Shop, clean: pd.DataFrame) -> None:
    views = clean[clean["event"] == "impression"]
    weekday = views.groupby((shop.config.start.weekday() + views["day"]) % 7).size()
    assert weekday[5] > weekday[1] * 1.15
    weeks = views.groupby(views["day"] // 7).size()
    assert weeks[3] > weeks[0] * 1.02


def test_acts_lie_on_the_day_that_delivers_them(shop: Shop, clean: pd.DataFrame) -> None:
    day = pd.to_datetime(pd.to_numeric(clean["ts"]), unit="ms").dt.date
    assert (day == clean["ds"]).all()
    assert clean["day"].min() == 0
    assert clean["day"].max() == shop.config.days - 1
    hours = pd.to_datetime(pd.to_numeric(clean["ts"]), unit="ms").dt.hour
    assert hours[clean["event"] == "impression"].between(6, 23).all()
