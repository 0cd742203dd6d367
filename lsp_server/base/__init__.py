"""The ground floor: values and services that every other layer may use. Knows nothing of LSP, models or syntax."""
