import { providerSuite } from '../src/testing/provider-suite.ts'
import { awsWorld } from './aws-world.ts'

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0ZQ3L0b9xq4Q7fUuV2s1rJmQ3eRZl8m0D9o1aBcDeF admin'

providerSuite('aws on demand', async () => await awsWorld())
providerSuite(
  'aws by spot, with SSH',
  async () =>
    await awsWorld({ purchase: ['spot'], ssh_from: ['192.0.2.0/24'], ssh_public_key: KEY }),
)
