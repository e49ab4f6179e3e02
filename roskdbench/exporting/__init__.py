"""Models that leave the store: found by what tables call them, and written as folders that timm loads."""

from roskdbench.exporting.finding import PLACE as PLACE
from roskdbench.exporting.finding import Model as Model
from roskdbench.exporting.finding import every_model as every_model
from roskdbench.exporting.finding import the_model as the_model
