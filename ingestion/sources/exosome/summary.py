"""The one place where the dilution is applied, and where videos become one value.

Definition `nta_concentration/1`: the concentration in the sample is the mean, over the valid videos, of the sum of
the number-weighted size bins, times the dilution factor where the instrument has not applied it. Where it was not
applied and is not known, the concentration in the sample is unknown (null), never the one that was measured. The
instrument's own average is left out: it counts failed videos in.
"""

from pyspark.sql import Column
from pyspark.sql import functions as F


def correction_factor(dilution_factor: Column, is_dilution_applied: Column) -> Column:
    """What a concentration in exosome_measurement is to be multiplied by, once, to be that of the sample.

    1 where the dilution is applied, the factor where it is not, null where it is not and nobody wrote it down.
    """
    return F.when(is_dilution_applied, F.lit(1.0)).otherwise(dilution_factor)


def is_usable(validity: Column, is_instrument_average: Column) -> Column:
    """Whether a row of exosome_measurement may enter a summary: a valid video."""
    return (validity == "valid") & ~is_instrument_average


def bins_total_per_ml(
    bin_centre_nm: Column,
    bin_concentration_per_ml: Column,
    from_nm: float | None = None,
    below_nm: float | None = None,
) -> Column:
    """Particles per mL in the bins whose centre lies in [from_nm, below_nm), as measured (no dilution applied).

    None leaves that side open. Null where there are no bins.
    """
    pairs = F.arrays_zip(bin_centre_nm.alias("centre"), bin_concentration_per_ml.alias("concentration"))

    def add(total: Column, pair: Column) -> Column:
        inside = F.lit(True)
        if from_nm is not None:
            inside = inside & (pair["centre"] >= from_nm)
        if below_nm is not None:
            inside = inside & (pair["centre"] < below_nm)
        return total + F.when(inside, pair["concentration"]).otherwise(0.0)

    return F.aggregate(pairs, F.lit(0.0), add)


def sample_concentration_per_ml(from_nm: float | None = None, below_nm: float | None = None) -> Column:
    """Particles per mL of the sample from one row of exosome_measurement, over a range of sizes.

    Average it over rows that are `is_usable` for a measurement's or a sample's value.
    """
    total = bins_total_per_ml(F.col("bin_centre_nm"), F.col("bin_concentration_per_ml"), from_nm, below_nm)
    return total * correction_factor(F.col("dilution_factor"), F.col("is_dilution_applied"))
