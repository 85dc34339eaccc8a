"""A run on one page: what went in, what came out, how it went, and notes to look at.

`facts` works the figures out in DuckDB, `sample` takes notes for the viewer, `drawing` turns figures into coordinates,
`command` fills the templates beside it. The page is one file that asks nothing of any network. Text reaches it through
the templates' escaping, or as JSON that its script puts in as text.
"""
