"""Operations of torch in the forms that litert-torch converts rightly, each computing the same."""
