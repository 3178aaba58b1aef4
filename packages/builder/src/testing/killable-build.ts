/** Runs one build as a separate process that a test can kill. Arguments: the task, the scratch directory and the cache directory. */
import type { RpmTask } from '@copr/contract/builder-protocol'
import { buildDiskFaults } from '../disk/build-disk-faults.ts'
import { buildNatively } from '../native-engine.ts'
import { openScratch } from '../scratch.ts'
import { recordedContext } from './build-fixture.ts'

const [, , task = '', scratchDir = '', cacheDir = ''] = process.argv
await using scratch = await openScratch(scratchDir, cacheDir)
const context = recordedContext(scratchDir)
const writeLog = context.writeLog.bind(context)
context.writeLog = (chunk) => {
  process.stdout.write(chunk)
  writeLog(chunk)
}
await buildNatively(JSON.parse(task) as RpmTask, context, {
  ...scratch,
  own_disk: (await buildDiskFaults()).length === 0,
})
