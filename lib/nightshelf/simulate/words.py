"""The words that the simulated shop's products, queries and reviews are made of."""

from typing import Final

CATEGORIES: Final[dict[str, tuple[str, ...]]] = {
    "Home > Kitchen": ("coffee mug", "frying pan", "chopping board", "kettle", "salad bowl"),
    "Home > Bedroom": ("pillow", "duvet cover", "blanket", "bedside lamp", "mattress topper"),
    "Home > Garden": ("watering can", "flower pot", "garden chair", "pruning shears", "lantern"),
    "Electronics > Audio": ("headphones", "speaker", "microphone", "record player", "earbuds"),
    "Electronics > Computing": ("keyboard", "mouse", "monitor stand", "laptop sleeve", "webcam"),
    "Clothing > Women": ("linen dress", "cardigan", "rain jacket", "scarf", "pleated skirt"),
    "Clothing > Men": ("oxford shirt", "wool jumper", "chino trousers", "belt", "overcoat"),
    "Sport > Running": ("running shoes", "sports bottle", "head torch", "running vest", "socks"),
    "Sport > Yoga": ("yoga mat", "yoga block", "leggings", "meditation cushion", "strap"),
    "Toys > Wooden": ("train set", "building blocks", "puzzle", "pull-along dog", "abacus"),
    "Beauty > Skin": ("hand cream", "face mask", "sun lotion", "cleansing bar", "lip balm"),
    "Books > Cooking": ("bread book", "soup book", "baking guide", "spice atlas", "pasta book"),
}

ADJECTIVES: Final = (
    "blue", "green", "black", "ivory", "striped", "classic", "compact", "soft", "light", "sturdy",
    "handmade", "recycled", "premium", "everyday", "folding", "vintage", "slim", "warm",
)  # fmt: skip

BRAND_STEMS: Final = ("Al", "Bren", "Cor", "Dun", "El", "Fen", "Gar", "Hol", "Ives", "Jun")
BRAND_ENDINGS: Final = ("den", "mark", "wick", "ton", "lin", "by", "ford", "stad")

PRAISE: Final = (
    "Very happy with it.",
    "Lovely quality.",
    "Exactly as described.",
    "Would buy again.",
)
BLAME: Final = ("Disappointing.", "It broke within a week.", "Not as described.", "Poor quality.")
SHRUGS: Final = ("It is fine.", "Does its job.", "Average for the price.")
