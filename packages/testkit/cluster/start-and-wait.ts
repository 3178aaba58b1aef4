// A test that does not get as far as ending its cluster: it prints where it is, and waits to be killed.
import { startCluster } from '../src/cluster/start-cluster.ts'

const cluster = await startCluster()
process.stdout.write(cluster.dir)
