import { pathToFileURL } from 'node:url'

/** Registers the tests of a file (first argument) several times (second argument): loading what they test takes most of the time. */
const [path = '', times = '1'] = process.argv.slice(2)
for (let run = 1; run <= Number(times); run++)
  await import(`${pathToFileURL(path).href}?run=${run}`)
