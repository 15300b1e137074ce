"""What shoppers do: from first sight to purchase, again and again, in sessions and baskets."""
