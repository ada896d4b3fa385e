"""``params.yaml`` as frozen, validated models: every knob has a rule, and an unknown key is an error."""
