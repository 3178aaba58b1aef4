import { pathToFileURL } from 'node:url'

/**
 * Registers the tests of a file (first argument) several times (second argument) in one process, because most of the time is spent loading
 * the code under test.
 */
const [path = '', times = '1'] = process.argv.slice(2)
for (let run = 1; run <= Number(times); run++)
  await import(`${pathToFileURL(path).href}?run=${run}`)
