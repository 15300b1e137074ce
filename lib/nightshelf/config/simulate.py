"""The keys of the simulated shop."""

from datetime import date

from pydantic import Field

from nightshelf.config.section import Section, Share


class PlantedConfig(Section):
    """What changes in a simulated shop; days are counted from 0."""

    price_day: int | None = Field(None, ge=0, description="from it on all prices are multiplied")
    price_factor: float = Field(1.6, gt=0, le=100, description="by so much")
    category_day: int | None = Field(
        None, ge=0, description="on it all items of the last category are launched"
    )
    taste_day: int | None = Field(
        None, ge=0, description="from it on shoppers love the next category as they did theirs"
    )
    robots_day: int | None = Field(None, ge=0, description="on it many more users are robots")
    robots_share: Share = Field(0.05, description="so many")


class SimulateConfig(Section):
    enabled: bool = Field(
        False, description="make the shop's data first; true where no events are configured"
    )
    seed: int = Field(7, ge=0, lt=2**32, description="another seed, another shop")
    start: date = Field(date(2026, 1, 1), description="the shop's first simulated day")
    days: int = Field(30, ge=2, le=3_650, description="days from the first")
    users: int = Field(2_000, ge=1, le=50_000_000, description="shoppers")
    items: int = Field(1_000, ge=12, le=100_000, description="products")
    categories: int = Field(12, ge=1, le=12, description="product categories")
    brands: int = Field(40, ge=1, le=80, description="brands")
    sessions_per_day: float = Field(
        0.25, gt=0, le=50, description="visits of an average shopper on an average day"
    )
    robot_share: Share = Field(0.002, description="share of users who are a robot for a day")
    dirty_share: Share = Field(0.01, description="share of rows with a spoilt or repeated copy")
    stockout_share: Share = Field(0.02, description="share of (item, day) without stock, about")
    planted: PlantedConfig = Field(
        PlantedConfig(), description="changes on a day counted from 0; null: none"
    )
