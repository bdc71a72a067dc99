from skabi.datasets import load_coal


def test_counts_of_years():
    coal = load_coal()
    assert coal.data.shape == (1, 112, 1) and coal.data.sum() == 191
    assert coal.years[0] == 1851 and coal.years[-1] == 1962
    by_year = coal.frame.set_index("year")["disasters"]
    # Dates at the ends, before and after the rate falls, and of the worst years.
    assert by_year[[1851, 1860, 1866, 1888, 1900, 1947, 1962]].tolist() == [4, 6, 6, 1, 0, 4, 1]
    assert by_year.loc[:1890].mean() > 3 * by_year.loc[1891:].mean()
    assert "Jarrett" in coal.DESCR


def test_each_call_returns_its_own_arrays():
    load_coal().data[:] = 0
    assert load_coal().data.max() == 6
