import itertools

from test_crashes import PLATFORM, SCENARIOS, WAYS, Stage


def test_figures(world, ulid):
    total=0; missed={}
    for name, sc in SCENARIOS.items():
        st=Stage(world, ulid, sc); n=st.calls(); total+=n*len(WAYS)+len(PLATFORM)
        lost=[]
        for number, way in itertools.product(range(n), WAYS):
            before=len(world.sandbox.graph.sent); st.play({number: way}); got=len(world.sandbox.graph.sent)-before
            lost.append(sc.texts-got)
        missed[name]=(n, n*len(WAYS), sum(lost))
    open("/tmp/figs/out","w").write(str((total, missed)))
