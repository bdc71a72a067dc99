"""What of skabi a file may name: recipes, estimators and their parts, and the functions of its data sets.

None of these writes a file, imports a module or calls what it is given while it is only made or called. Everything else
in skabi is found by no name, so that a file made by hand cannot ask for it.
"""

import importlib
import types

from torch import nn

_ROOMS = (
    *("datasets", "design", "dynamic", "elicitation", "engines", "estimators", "heads", "hierarchical", "losses"),
    *("misspecification", "model_selection", "pipeline", "priors", "refine", "sensitivity", "summaries"),
)
# Classes that are not public, or in a room of which little else is to be found.
_PARTS = {
    "skabi.datasets._gaussian_mean_scale._MeanGivenScale",
    "skabi.datasets._gaussian_regression._CoefficientGivenScale",
    "skabi.datasets._log_uniform._LogUniform",
    "skabi.datasets._two_level_gaussian._EffectGivenLevels",
    "skabi.design._histories.Histories",
    "skabi.design._histories.HistoriesOfOneLength",
    "skabi.design._histories.HistoryLikelihood",
    "skabi.dynamic._drawing.Learned",
    "skabi.dynamic._series.SeriesReader",
    "skabi.dynamic._state_space.StateSpace",
    "skabi.dynamic._usual_memories.UsualMemories",
    "skabi.elicitation._flow_network.JointPriorNetwork",
    "skabi.estimators._column_kinds.Column",
    "skabi.estimators._data_layout.DataLayout",
    "skabi.estimators._data_map.DataMap",
    "skabi.estimators._features.FeatureScaler",
    "skabi.estimators._lattice.Lattice",
    "skabi.estimators._parameters.ParameterMap",
    "skabi.estimators._reader.Reader",
    "skabi.estimators._source_reader.SourceReader",
    "skabi.estimators._usual_range.UsualRange",
    "skabi.estimators._usual_summaries.UsualSummaries",
    "skabi.hierarchical._group_level.GroupLevel",
    "skabi.hierarchical._group_prior.GroupPrior",
    "skabi.hierarchical._sizes.Sizes",
    "skabi.misspecification._space.SummarySpace",
    "skabi.model_selection._meta_models.DirichletPosterior",
    "skabi.model_selection._meta_models.LogisticNormalPosterior",
    "skabi.priors._power_scaled.PoweredFunction",
    "skabi.priors._powers.PowerScaledDistribution",
    "skabi.sensitivity._contexts.ContextSpace",
    "skabi.simulators._simulator.Simulator",
}


def may_be_named(value):
    """Return whether a file may name a class or function of skabi."""
    module, name = value.__module__, value.__qualname__
    if isinstance(value, types.FunctionType):
        is_of_data_set = name.startswith("simulate_") or name.endswith("_log_likelihood")
        return module.startswith("skabi.datasets._") and is_of_data_set
    if not isinstance(value, type):
        return False
    if module.startswith("skabi.networks.") and issubclass(value, nn.Module):
        return True
    return f"{module}.{name}" in _PARTS or _is_public(value)


def _is_public(value):
    name, room = value.__name__, value.__module__.split(".")[1]
    if room not in _ROOMS:
        return False
    public = importlib.import_module(f"skabi.{room}")
    return name in public.__all__ and getattr(public, name) is value
