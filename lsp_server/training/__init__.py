"""From source code to a model that ships: corpus -> tokenizer -> pack -> fit -> export -> evaluate.

Each stage is a module (or package) with ``run(recipe, run, say)``; ``stages`` runs them in order and passes over what
is done. One recipe says everything that decides the outcome, one run directory holds everything that came of it;
README.md beside this file is the runbook. The only code that knows torch, and never imported while serving.
"""
