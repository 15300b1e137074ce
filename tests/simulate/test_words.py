from nightshelf.simulate import words


def test_every_category_has_as_many_products() -> None:
    assert [len(own) for own in words.CATEGORIES.values()] == [words.NOUNS] * 12


def test_every_product_has_as_many_different_queries() -> None:
    for own in words.CATEGORIES.values():
        for product in own:
            assert len(set(words.queries_for(product))) == words.QUERIES, product


def test_queries_end_with_the_misspelt_ones() -> None:
    mug = words.CATEGORIES["Home > Kitchen"][0]
    assert words.queries_for(mug) == (
        "coffee mug",
        "ceramic coffee mug",
        "blue coffee mug",
        "glass coffee mug",
        "black coffee mug",
        "coffee mug 250 ml",
        "cfofee mug",
        "cofee mug",
    )
