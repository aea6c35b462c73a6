"""Operations by family: each module registers the functions that compute its operations."""
