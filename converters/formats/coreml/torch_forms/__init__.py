"""Operations of torch that coremltools lacks, or takes for something else, as what they are: sums, products and
matrices.
"""
