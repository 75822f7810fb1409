"""Groups of patients whose blood takes a similar course: found without outcomes, held against them afterwards."""
