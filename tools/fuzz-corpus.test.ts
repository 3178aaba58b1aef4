import { test } from 'node:test'
import { readCorpus } from './fuzz/corpus.ts'
import { TARGETS } from './fuzz/targets.ts'

// All inputs that fuzzing has kept, most importantly the findings; see `make fuzz` for how they are found.
for (const { name, seeds, run } of TARGETS)
  test(`the corpus of the fuzz target ${name} is parsed or refused`, async (t) => {
    for (const input of await seeds()) await run(input)
    const corpus = readCorpus(name)
    for (const { bytes } of corpus) await run(bytes)
    t.diagnostic(`${corpus.length} inputs`)
  })
