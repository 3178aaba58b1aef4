// Builds what the test cluster is made of, so that the tests need not: prints how far it is, and nothing when it is there.
import { clusterBinaries } from '../packages/testkit/src/cluster/binaries.ts'
import { whyNoCluster } from '../packages/testkit/src/cluster/requirements.ts'

const say = (line: string): void => void process.stderr.write(`${line}\n`)
const reason = whyNoCluster(process.env['PATH'])
if (reason === false) await clusterBinaries(say)
else say(`The tests with a cluster are skipped: it ${reason}`)
