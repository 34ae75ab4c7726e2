"""How fast, beside what people would use otherwise: `python -m benchmarks --help`.

One module a question (`tag`, `startup`, `train`, `search`, `one_vs_many`); `measure` runs the contenders, `machine`
says on what, `report` writes Markdown and JSON. `jobs` are the programs that are measured where no command of ours is;
`study` holds the parts of `one_vs_many`.
"""
