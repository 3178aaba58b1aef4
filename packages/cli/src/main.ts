import { coprctl } from './coprctl.ts'

const code = await coprctl(process.argv.slice(2), process)
// What ended a part may have set it already.
if (code !== 0) process.exitCode = code
