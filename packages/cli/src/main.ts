import { coprctl } from './coprctl.ts'

const code = await coprctl(process.argv.slice(2), process)
// Success must not overwrite a failure that `coprctl up` has already recorded in process.exitCode.
if (code !== 0) process.exitCode = code
