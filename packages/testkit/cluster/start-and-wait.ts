// A test process that is killed before it disposes of its cluster: it prints the cluster's folder and then waits.
import { startCluster } from '../src/cluster/start-cluster.ts'

const cluster = await startCluster()
process.stdout.write(cluster.dir)
