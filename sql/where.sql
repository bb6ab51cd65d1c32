-- The pieces of SQL that `hamsight query --where` compiles to (query/hamsight_query/where, docs/where.md).
-- Each is filled with other pieces, with names of columns and with parameters; a literal of the
-- user's is always a parameter {where_N:Type}. No piece yields NULL but for numbers that have
-- no value: an attribute that is not a number, a score that is missing, a quotient or remainder of a division by zero.

-- name: where_parameter
-- A literal: a number, a text, a list of either, the name of a tag or an attribute.
{$name:$type}

-- name: where_parentheses
-- A piece whose operator binds too loosely for where it stands.
($inner)

-- name: where_or
-- Either condition, or both.
$left OR $right

-- name: where_and
-- Both conditions.
$left AND $right

-- name: where_not
-- The opposite of a condition.
NOT $operand

-- name: where_less
-- Numbers by value, texts by code point; so in all comparisons.
$left < $right

-- name: where_less_or_equal
-- `<=`.
$left <= $right

-- name: where_greater
-- `>`.
$left > $right

-- name: where_greater_or_equal
-- `>=`.
$left >= $right

-- name: where_equal
-- `==`.
$left = $right

-- name: where_not_equal
-- `!=`.
$left != $right

-- name: where_in
-- A number or text that is one of a list.
$left IN $right

-- name: where_not_in
-- A number or text that is none of a list.
$left NOT IN $right

-- name: where_unsigned_zero
-- A float to be looked up with IN, which tells -0.0 from 0.
$number + 0

-- name: where_known
-- A comparison of a number that may have no value (NULL): it is false then.
ifNull($condition, false)

-- name: where_true
-- A number as a condition.
$number != 0

-- name: where_not_empty
-- A list or map as a condition.
notEmpty($value)

-- name: where_add
-- A sum.
$left + $right

-- name: where_subtract
-- A difference.
$left - $right

-- name: where_multiply
-- A product.
$left * $right

-- name: where_divide
-- A quotient, a float.
$left / $right

-- name: where_negate
-- A number with its sign changed.
-$operand

-- name: where_divisor
-- A divisor that may be zero: the quotient has no value then.
nullIf($divisor, 0)

-- name: where_modulo
-- The remainder of a division by a positive number; it is never negative.
positiveModulo($left, $right)

-- name: where_modulo_or_null
-- The same where the divisor may be zero: the remainder has no value then. A nullIf of the divisor
-- does not help here: what is computed for a LowCardinality column's dictionary still fails.
positiveModuloOrNull($left, $right)

-- name: where_modulo_any_sign
-- The remainder with the sign of the divisor.
if($right < 0, -positiveModuloOrNull(-$left, -$right), positiveModuloOrNull($left, $right))

-- name: where_float
-- An integer whose sum or product may leave 64 bits.
toFloat64($number)

-- name: where_tag
-- The count of a tag, 0 where the item has none.
tags[$tag]

-- name: where_has_tag
-- The item has the tag.
tags[$text] > 0

-- name: where_parent
-- What holds of the picture that an object is on.
(dataset, subset, parent) IN (SELECT dataset, subset, id FROM $table WHERE $condition)

-- name: where_attribute
-- The text of an attribute, empty where the item has none.
attributes[$attribute]

-- name: where_attribute_number
-- An attribute as a number; NULL where it is missing or not a number.
toFloat64OrNull($attribute)

-- name: where_has_attribute
-- The item has the attribute, be it empty.
mapContains(attributes, $text)

-- name: where_score
-- A score; NULL where the item has none.
if(mapContains(scores, $score), scores[$score], NULL)

-- name: where_has_score
-- The item has the score.
mapContains(scores, $text)

-- name: where_has_group
-- The item is in the group.
has(groups, $text)

-- name: where_caption_contains
-- Some caption contains the text, in upper or lower case.
arrayExists(caption -> positionCaseInsensitiveUTF8(caption, $text) > 0, captions)

-- name: where_contains
-- One text contains another, in that very case.
position($text, $part) > 0

-- name: where_any
-- Some element of a list answers the condition.
arrayExists(element -> $condition, $list)

-- name: where_element
-- The element at hand in where_any.
element

-- name: where_like
-- A text fits a pattern: % is any text, _ any character.
like($text, $pattern)

-- name: where_ilike
-- The same in upper or lower case.
ilike($text, $pattern)

-- name: where_startswith
-- A text starts with another.
startsWith($text, $pattern)

-- name: where_endswith
-- A text ends with another.
endsWith($text, $pattern)

-- name: where_lower
-- A text in lower case.
lowerUTF8($text)

-- name: where_length_of_text
-- The number of characters.
lengthUTF8($text)

-- name: where_length_of_list
-- The number of elements of a list or a map.
length($list)
