// Builds the programs of the test cluster, so that the tests do not have to. Prints its progress, or nothing if the programs exist already.
import { clusterBinaries } from '../packages/testkit/src/cluster/binaries.ts'
import { whyNoCluster } from '../packages/testkit/src/cluster/requirements.ts'

const say = (line: string): void => void process.stderr.write(`${line}\n`)
const reason = whyNoCluster(process.env['PATH'])
if (reason === false) await clusterBinaries(say)
else say(`The tests with a cluster are skipped: it ${reason}`)
