"""The words that the simulated shop's products, queries and reviews are made of."""

from typing import Final, NamedTuple


class Product(NamedTuple):
    """A kind of product, and what one of it can be made of and how large it can be."""

    noun: str
    materials: tuple[str, ...]
    sizes: tuple[str, ...]


def _products(*told: tuple[str, str, str]) -> tuple[Product, ...]:
    return tuple(
        Product(noun, tuple(materials.split(", ")), tuple(sizes.split(", ")))
        for noun, materials, sizes in told
    )


CATEGORIES: Final[dict[str, tuple[Product, ...]]] = {
    "Home > Kitchen": _products(
        ("coffee mug", "ceramic, glass, enamel", "250 ml, 350 ml, 450 ml"),
        ("frying pan", "steel, cast iron, aluminium", "20 cm, 24 cm, 28 cm"),
        ("chopping board", "bamboo, oak, marble", "small, medium, large"),
        ("kettle", "steel, copper, glass", "1 l, 1.5 l, 1.7 l"),
        ("salad bowl", "olive wood, ceramic, glass", "1 l, 2 l, 3 l"),
    ),
    "Home > Bedroom": _products(
        ("pillow", "feather, latex, wool", "40 x 80 cm, 50 x 70 cm"),
        ("duvet cover", "cotton, linen, flannel", "single, double, king size"),
        ("blanket", "wool, fleece, cotton", "130 x 170 cm, 150 x 200 cm"),
        ("bedside lamp", "brass, ceramic, walnut", "30 cm, 40 cm"),
        ("mattress topper", "latex, memory foam, wool", "single, double, king size"),
    ),
    "Home > Garden": _products(
        ("watering can", "zinc, steel, copper", "2 l, 5 l, 10 l"),
        ("flower pot", "terracotta, stone, zinc", "15 cm, 22 cm, 30 cm"),
        ("garden chair", "teak, aluminium, rattan", "single, set of 2"),
        ("pruning shears", "steel, carbon steel", "18 cm, 21 cm"),
        ("lantern", "brass, glass, bamboo", "20 cm, 35 cm"),
    ),
    "Electronics > Audio": _products(
        ("headphones", "wireless, wired, noise-cancelling", "over-ear, on-ear"),
        ("speaker", "portable, bookshelf, waterproof", "10 W, 20 W, 60 W"),
        ("microphone", "condenser, dynamic, clip-on", "USB, XLR"),
        ("record player", "walnut, belt-drive, portable", "2 speeds, 3 speeds"),
        ("earbuds", "wireless, wired, waterproof", "20 h, 30 h"),
    ),
    "Electronics > Computing": _products(
        ("keyboard", "mechanical, wireless, aluminium", "60 %, 80 %, full size"),
        ("mouse", "wireless, vertical, wired", "1600 dpi, 4000 dpi"),
        ("monitor stand", "walnut, steel, bamboo", "single, double"),
        ("laptop sleeve", "felt, leather, canvas", "13 inch, 14 inch, 16 inch"),
        ("webcam", "wide-angle, autofocus, clip-on", "720p, 1080p, 4K"),
    ),
    "Clothing > Women": _products(
        ("summer dress", "linen, cotton, viscose", "S, M, L, XL"),
        ("cardigan", "merino, cashmere, cotton", "S, M, L, XL"),
        ("rain jacket", "waxed, quilted, recycled", "S, M, L, XL"),
        ("scarf", "silk, wool, cashmere", "70 x 70 cm, 180 x 30 cm"),
        ("pleated skirt", "wool, satin, cotton", "S, M, L, XL"),
    ),
    "Clothing > Men": _products(
        ("oxford shirt", "cotton, linen, flannel", "S, M, L, XL"),
        ("crew-neck jumper", "merino, lambswool, cotton", "S, M, L, XL"),
        ("chino trousers", "cotton, stretch, corduroy", "30, 32, 34, 36"),
        ("belt", "leather, canvas, braided", "85 cm, 95 cm, 105 cm"),
        ("overcoat", "wool, waxed, tweed", "S, M, L, XL"),
    ),
    "Sport > Running": _products(
        ("running shoes", "mesh, trail, waterproof", "39, 41, 43, 45"),
        ("sports bottle", "steel, soft, insulated", "500 ml, 750 ml"),
        ("head torch", "rechargeable, waterproof, light", "200 lm, 400 lm"),
        ("running vest", "reflective, mesh, padded", "S, M, L"),
        ("running socks", "merino, cotton, bamboo", "pack of 2, pack of 5"),
    ),
    "Sport > Yoga": _products(
        ("yoga mat", "cork, rubber, jute", "3 mm, 5 mm, 8 mm"),
        ("yoga block", "cork, foam, bamboo", "single, set of 2"),
        ("leggings", "cotton, stretch, recycled", "S, M, L"),
        ("meditation cushion", "buckwheat, cotton, kapok", "round, crescent"),
        ("stretching strap", "cotton, hemp, elastic", "180 cm, 250 cm"),
    ),
    "Toys > Wooden": _products(
        ("train set", "beech, maple, birch", "24 pieces, 48 pieces"),
        ("building blocks", "beech, pine, maple", "30 pieces, 60 pieces, 100 pieces"),
        ("puzzle", "birch, plywood, magnetic", "12 pieces, 24 pieces"),
        ("pull-along dog", "beech, birch, lime wood", "15 cm, 20 cm"),
        ("abacus", "beech, maple, bamboo", "5 rows, 10 rows"),
    ),
    "Beauty > Skin": _products(
        ("hand cream", "almond, shea, oat", "50 ml, 75 ml"),
        ("face mask", "clay, honey, charcoal", "50 ml, 100 ml"),
        ("sun lotion", "mineral, aloe, unscented", "SPF 30, SPF 50"),
        ("cleansing bar", "olive, oat, charcoal", "80 g, 120 g"),
        ("lip balm", "beeswax, shea, cocoa", "single, pack of 3"),
    ),
    "Books > Cooking": _products(
        ("bread book", "hardback, paperback, illustrated", "160 pages, 240 pages"),
        ("soup book", "hardback, paperback, illustrated", "120 pages, 200 pages"),
        ("baking guide", "hardback, paperback, spiral-bound", "180 pages, 320 pages"),
        ("spice atlas", "hardback, illustrated, pocket", "200 pages, 360 pages"),
        ("pasta book", "hardback, paperback, illustrated", "140 pages, 220 pages"),
    ),
}
NOUNS: Final = 5
"""Kinds of product in each category."""

LOOKS: Final = ("blue", "green", "black", "ivory", "grey", "red", "sand", "classic", "new", "plain")

BRAND_STEMS: Final = ("Al", "Bren", "Cor", "Dun", "El", "Fen", "Gar", "Hol", "Ives", "Jun")
BRAND_ENDINGS: Final = ("den", "mark", "wick", "ton", "lin", "by", "ford", "stad")

SELLING: Final = (
    "Made for every day and built to last.",
    "A thoughtful present, delivered in a gift box.",
    "Easy to clean and easy to store.",
    "Designed with care and tested for years of use.",
    "One of the favourites of our own staff.",
    "Good value, with a two-year guarantee.",
)

PRAISE: Final = ("Very happy with it.", "Lovely quality.", "Excellent.", "Would buy again.")
BLAME: Final = ("Disappointing.", "Poor quality.", "Waste of money.", "I sent it back.")
SHRUGS: Final = ("It is fine.", "Does its job.", "Average for the price.", "Nothing special.")

PRAISED: Final = ("The {} is exactly as described.", "Best {} I have had.", "I love this {}.")
BLAMED: Final = ("The {} broke within a week.", "The {} is not as described.", "A bad {}.")
SHRUGGED: Final = ("An ordinary {}.", "The {} is neither good nor bad.", "The {} is acceptable.")


def queries_for(product: Product) -> tuple[str, ...]:
    """What people type who look for the product, always QUERIES of them: misspelt ones last."""
    noun = product.noun
    return (
        noun,
        f"{product.materials[0]} {noun}",
        f"{LOOKS[0]} {noun}",
        f"{product.materials[1]} {noun}",
        f"{LOOKS[2]} {noun}",
        f"{noun} {product.sizes[0]}",
        noun[:1] + noun[2] + noun[1] + noun[3:],
        noun[:3] + noun[4:],
    )


QUERIES: Final = 8
MISSPELT: Final = 2
