# Turns a network namespace into the router between slirp4netns and a sandbox. Runs as root in that namespace. The sandbox is
# connected last, when everything that restricts it is in place.
# Arguments: DIRECTORY (with ip's commands) SANDBOX_NAMESPACE IPV6 (yes | no)
set -eu
dir=$1
sandbox=$2
ipv6=$3
cd /proc/sys/net
echo 1 >ipv4/ip_forward
# For build0, which is added later: the sandbox can send only from its own address. Packets from slirp4netns may have any source.
echo 1 >ipv4/conf/default/rp_filter
echo 0 >ipv4/conf/all/rp_filter
echo 0 >ipv4/conf/slirp0/rp_filter
echo 0 >ipv4/conf/all/accept_source_route
echo 0 >ipv4/conf/all/accept_redirects
echo 0 >ipv4/conf/all/send_redirects
# Without a rate limit, every refused connection fails at once, not only the first few per second.
echo 0 >ipv4/icmp_ratelimit
echo 1 >ipv4/conf/slirp0/proxy_arp
echo 0 >ipv4/neigh/slirp0/proxy_delay
if [ "$ipv6" = yes ]; then
  echo 0 >ipv6/conf/all/disable_ipv6
  echo 0 >ipv6/conf/all/accept_ra
  echo 0 >ipv6/conf/all/accept_redirects
  echo 1 >ipv6/conf/all/forwarding
  echo 0 >ipv6/icmp/ratelimit
fi
ip -batch "$dir/outside"
ip -4 -batch "$dir/rules-ipv4"
if [ "$ipv6" = yes ]; then ip -6 -batch "$dir/rules-ipv6"; fi
ip link add build0 mtu 65520 type veth peer name eth0 mtu 65520 netns "$sandbox"
ip -batch "$dir/inside"
exec nsenter --net="$sandbox" ip -batch "$dir/sandbox"
