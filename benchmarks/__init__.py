"""The instrument. A verb of `sgn` is a module here; what verbs share lies in rooms, each of which uses those before it.

The rooms: `jobs` (how a verb runs), `data`, `datasets`, `training`, `speed`, `analysis`, `tables`, `figures`. Besides
the verbs there are the entry points `cli` and `worker`, and what only plans need: `config` (its check), `entries`
(their meaning) and `workflow`.
"""
