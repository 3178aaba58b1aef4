import {
  DescribeInstancesCommand,
  DescribeKeyPairsCommand,
  DescribeNetworkInterfacesCommand,
  DescribeSecurityGroupsCommand,
  DescribeSpotInstanceRequestsCommand,
  DescribeVolumesCommand,
  type EC2Client,
} from '@aws-sdk/client-ec2'
import type { Listed } from '../provider.ts'
import type { Ec2Api } from './ec2-api.ts'
import {
  listedInstance,
  listedInterface,
  listedKeyPair,
  listedSecurityGroup,
  listedSpotRequest,
  listedVolume,
} from './listed.ts'
import { ownedBy } from './ownership-tags.ts'

/** EC2's maximum page size. Calls without pagination are throttled sooner. */
const PAGE = 1000
const VOLUMES_PAGE = 500

interface Page {
  readonly listed: readonly Listed[]
  readonly next: string | undefined
}
type Options = { abortSignal: AbortSignal }
type ReadPage = (
  client: EC2Client,
  options: Options,
  filter: { Filters: [ReturnType<typeof ownedBy>]; NextToken?: string },
) => Promise<Page>

/** One function per kind of resource that a launch creates or that a pool owns; each lists a page. */
const KINDS: readonly ReadPage[] = [
  async (client, options, filter) => {
    const command = new DescribeInstancesCommand({ ...filter, MaxResults: PAGE })
    const { Reservations = [], NextToken } = await client.send(command, options)
    const instances = Reservations.flatMap(({ Instances = [] }) => Instances)
    return { listed: instances.map(listedInstance), next: NextToken }
  },
  async (client, options, filter) => {
    const command = new DescribeVolumesCommand({ ...filter, MaxResults: VOLUMES_PAGE })
    const { Volumes = [], NextToken } = await client.send(command, options)
    return { listed: Volumes.map(listedVolume), next: NextToken }
  },
  async (client, options, filter) => {
    const command = new DescribeNetworkInterfacesCommand({ ...filter, MaxResults: PAGE })
    const { NetworkInterfaces = [], NextToken } = await client.send(command, options)
    return { listed: NetworkInterfaces.map(listedInterface), next: NextToken }
  },
  async (client, options, filter) => {
    const command = new DescribeSpotInstanceRequestsCommand({ ...filter, MaxResults: PAGE })
    const { SpotInstanceRequests = [], NextToken } = await client.send(command, options)
    return { listed: SpotInstanceRequests.map(listedSpotRequest), next: NextToken }
  },
  async (client, options, { Filters }) => {
    const { KeyPairs = [] } = await client.send(new DescribeKeyPairsCommand({ Filters }), options)
    return { listed: KeyPairs.map(listedKeyPair), next: undefined }
  },
  async (client, options, filter) => {
    const command = new DescribeSecurityGroupsCommand({ ...filter, MaxResults: PAGE })
    const { SecurityGroups = [], NextToken } = await client.send(command, options)
    return { listed: SecurityGroups.map(listedSecurityGroup), next: NextToken }
  },
]

/** Lists everything with the installation's tag in this account and region. Fails as a whole if one page fails. */
export async function listOwned(
  api: Ec2Api,
  installation_id: string,
  signal: AbortSignal,
): Promise<Listed[]> {
  const Filters: [ReturnType<typeof ownedBy>] = [ownedBy(installation_id)]
  const lists = await Promise.all(
    KINDS.map(async (readPage) => {
      const all: Listed[] = []
      let next: string | undefined
      do {
        const filter = { Filters, ...(next === undefined ? {} : { NextToken: next }) }
        // oxlint-disable-next-line no-await-in-loop -- each page names the next
        const page = await api.call(
          'describe',
          async (client, options) => await readPage(client, options, filter),
          signal,
        )
        all.push(...page.listed)
        next = page.next
      } while (next !== undefined && next !== '')
      return all
    }),
  )
  return lists.flat()
}
