use Test::More tests => 2;
use Test::Exception;
use Test::Fatal;
use Build::Dist;
dies_ok { Build::Dist::fail() } 'dies';
like(exception { Build::Dist::fail() }, qr/broken/);
