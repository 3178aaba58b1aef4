import { test } from 'node:test'
import { readCorpus } from './fuzz/corpus.ts'
import { TARGETS } from './fuzz/targets.ts'

// Everything that fuzzing has kept, findings above all: `make fuzz` says how they came to be.
for (const { name, seeds, run } of TARGETS)
  test(`the kept inputs of the fuzz target ${name} are read or refused`, async (t) => {
    for (const input of await seeds()) await run(input)
    const corpus = readCorpus(name)
    for (const { bytes } of corpus) await run(bytes)
    t.diagnostic(`${corpus.length} inputs`)
  })
