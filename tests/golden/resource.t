# resource create, list, show, delete.
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Golden;
use Test::More;

tool(qw(rbe-admin init));
golden 'list-empty' => qw(rbe-admin resource list);
golden create => qw(rbe-admin resource create my-app --name), 'My App';
golden 'create-all' => qw(rbe-admin resource create tool --name Werkzeug --description), "gr\xc3\xbc\xc3\x9ft",
    qw(--update-type full --access cdk --order published --always-include interface.json --always-include *.ini --json);
golden 'create-twice' => qw(rbe-admin resource create my-app --name again);
golden 'create-invalid' => qw(rbe-admin resource create download --name), "a\nb", '--always-include', '';
golden list => qw(rbe-admin resource list);
golden 'list-json' => qw(rbe-admin --json resource list);
golden show => qw(rbe-admin resource show tool);
golden 'show-json' => qw(rbe-admin resource show my-app --json);
golden 'show-unknown' => qw(rbe-admin resource show nothing);
release('one.tar.gz', 'a.txt' => 'one');
tool(qw(rbe-admin version publish my-app), $_, 'one.tar.gz') for qw(1.0.0 2.0.0);
golden delete => qw(rbe-admin resource delete my-app);
golden 'delete-again' => qw(rbe-admin resource delete my-app --json);
golden 'delete-unknown' => qw(rbe-admin resource delete nothing);
golden 'list-deleted' => qw(rbe-admin resource list);
done_testing;
