"""coremltools' own operation tests, predicting through validation.milrun.

python -m tests.conformance            all of them, resumable; writes docs/measured/conformance.md
python -m tests.conformance --sample   a trimmed selection, as the test suite runs it
"""
