/** Runs the frontend in a separate process, so that its memory can be measured from outside. */
import { serveHttp } from '@copr/process/http-server'
import { benchSite } from './site.ts'

const { port } = await serveHttp(benchSite(process.argv[2] ?? ''), { host: '127.0.0.1', port: 0 })
process.send?.(port)
process.once('disconnect', () => process.exit())
