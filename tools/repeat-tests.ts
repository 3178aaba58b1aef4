import { pathToFileURL } from 'node:url'

/** Registers the tests of a file (first argument) several times (second argument): most of the time goes into loading the tested code. */
const [path = '', times = '1'] = process.argv.slice(2)
for (let run = 1; run <= Number(times); run++)
  await import(`${pathToFileURL(path).href}?run=${run}`)
