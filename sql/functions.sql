-- SQL functions that hash a feature without Python, to the same bits as Hamsight. `hamsight functions`
-- makes them, or `clickhouse client --queries-file sql/functions.sql` on a server; docs/hash.md shows
-- how they are used. `parameters` is the text of the column of that name in `hash_fits`; a hash is a
-- String of bits / 8 bytes, for toFixedString.

-- name: hamsight_sign_hash
-- One bit for each number of a feature, 1 above 0; the last byte is filled up with zeros.
CREATE OR REPLACE FUNCTION hamsight_sign_hash AS feature ->
    unbin(rightPad(
        arrayStringConcat(arrayMap(x -> if(x > 0, '1', '0'), feature)),
        toUInt64(8 * ceil(length(feature) / 8)), '0'));

-- name: hamsight_directions
-- The rows of a matrix of the parameters, `directions` or `words`.
CREATE OR REPLACE FUNCTION hamsight_directions AS (parameters, matrix) ->
    arrayMap(
        row -> CAST(
            reinterpret(
                substring(
                    base64Decode(JSONExtractString(parameters, matrix)),
                    4 * JSONExtractUInt(parameters, 'dimension') * row + 1,
                    4 * JSONExtractUInt(parameters, 'dimension')),
                'Array(Float32)'),
            'Array(Float64)'),
        range(intDiv(JSONExtractUInt(parameters, 'bits'), 2)));

-- name: hamsight_projections
-- What levels a feature of a picture falls into: its projections, less the mean of all pictures.
CREATE OR REPLACE FUNCTION hamsight_projections AS (feature, parameters) ->
    arrayMap(
        direction -> arrayDotProduct(
            direction,
            arrayMap(
                (x, m) -> CAST(x, 'Float64') - m,
                feature,
                CAST(
                    reinterpret(
                        base64Decode(JSONExtractString(parameters, 'mean')), 'Array(Float32)'),
                    'Array(Float64)'))),
        hamsight_directions(parameters, 'directions'));

-- name: hamsight_bits
-- A String of one bit for each number of an array, 1 above 0.
CREATE OR REPLACE FUNCTION hamsight_bits AS weights ->
    unbin(arrayStringConcat(arrayMap(weight -> if(weight > 0, '1', '0'), weights)));

-- name: hamsight_image_weights
-- How much each bit of a hash says for a picture; the signs are the picture's own hash.
CREATE OR REPLACE FUNCTION hamsight_image_weights AS (feature, parameters) ->
    arrayConcat(
        arrayMap(
            y -> y + JSONExtractFloat(parameters, 'threshold'),
            hamsight_projections(feature, parameters)),
        arrayMap(
            y -> y - JSONExtractFloat(parameters, 'threshold'),
            hamsight_projections(feature, parameters)));

-- name: hamsight_words_weights
-- How much each bit of a hash says for words.
CREATE OR REPLACE FUNCTION hamsight_words_weights AS (feature, parameters) ->
    arrayMap(
        direction -> arrayDotProduct(direction, CAST(feature, 'Array(Float64)')),
        arrayConcat(
            hamsight_directions(parameters, 'words'), hamsight_directions(parameters, 'words')));

-- name: hamsight_hash
-- The fitted hash of a picture's feature.
CREATE OR REPLACE FUNCTION hamsight_hash AS (feature, parameters) ->
    hamsight_bits(hamsight_image_weights(feature, parameters));

-- name: hamsight_planes
-- The two planes of bits of a query's weights, the lower first; the order of items is by
-- bitHammingDistance(hash, planes[1]) + 2 * bitHammingDistance(hash, planes[2]).
CREATE OR REPLACE FUNCTION hamsight_planes AS weights ->
    arrayMap(
        plane -> unbin(arrayStringConcat(arrayMap(
            weight -> toString(bitAnd(1, bitShiftRight(
                toUInt8(greatest(0, least(3, 2 + floor(
                    weight / (0.996 * sqrt(arrayAvg(w -> w * w, weights))))))),
                plane))),
            weights))),
        [0, 1]);
